"""What all methods of structured recognition have in common: features in, a loss and scores of nodes out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn

from hyperclade.learning.settings import named_class
from hyperclade.recognition.classes import Classes
from hyperclade.recognition.config import METHODS, Method
from hyperclade.trees.taxonomy import Taxonomy


class NodeScorer(nn.Module):
    """Scores the nodes of a taxonomy for features of images, or of pixels; each method is a subclass.

    Features have length d, the taxonomy m nodes. Methods that begin with a network take `hidden`, the sizes
    of its hidden layers, and `dropout`, after each of them.
    """

    #: Whether the scores are coherent by construction: no node above its parent.
    coherent: ClassVar[bool] = False
    #: Whether the scores are probabilities of nodes, so that a threshold between 0 and 1 means something.
    probabilities: ClassVar[bool] = True

    def __init__(self, n_features: int, taxonomy: Taxonomy) -> None:
        super().__init__()
        if n_features < 1:
            raise ValueError(f"n_features must be positive, got {n_features}")
        self.n_features = n_features
        self.classes = Classes(taxonomy)

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """What training minimises: "loss", a scalar, and the parts to log beside it.

        Features are `(b, d) float32`, targets `(b, m) float32` in [0, 1], closed upwards: no node above its
        parent.
        """
        raise NotImplementedError

    def scores(self, features: Tensor) -> Tensor:
        """Scores `(b, m)` of all nodes, higher for likelier ones, comparable between nodes."""
        raise NotImplementedError

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters ("params") with the factor of their learning rate ("lr_scale")."""
        return [{"params": list(self.parameters()), "lr_scale": 1.0}]


def method_class(choice: Method) -> tuple[type[NodeScorer], dict[str, Any]]:
    """The class of a method and its settings, checked against the type hints of the class.

    Raises ValueError for a setting that the method does not have, or a value that it cannot have.

    >>> method_class(Method("leaf-softmax", {"dropuot": 0.5}))
    Traceback (most recent call last):
    ...
    ValueError: method leaf-softmax has no setting 'dropuot'; it has dropout, hidden
    """
    return named_class("hyperclade.recognition", METHODS, choice, "method")


def perceptron(sizes: Sequence[int], *, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers from size to size, each but the last followed by ReLU and dropout.

    Raises ValueError for a size below 1.

    >>> [type(layer).__name__ for layer in perceptron([8, 16, 4], dropout=0.5)]
    ['Linear', 'ReLU', 'Dropout', 'Linear']
    """
    if min(sizes) < 1:
        raise ValueError(f"sizes of layers must be positive, got {list(sizes)}")
    layers: list[nn.Module] = []
    for k, (before, after) in enumerate(pairwise(sizes)):
        if k:
            layers += [nn.ReLU(), nn.Dropout(dropout)] if dropout else [nn.ReLU()]
        layers.append(nn.Linear(before, after))
    return nn.Sequential(*layers)
