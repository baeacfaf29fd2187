"""A linear layer as a system that learns."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from hyperclade.data.labelled import LabelledSet
from hyperclade.learning import settings
from hyperclade.learning.module import Learner
from hyperclade.learning.system import System
from hyperclade.trees.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths(["animal/dog", "animal/cat", "plant/oak"])


@dataclass
class Network:
    """The layer.

    Attributes
    ----------
    bias : bool
        Whether it has one.
    """

    bias: bool = True


@dataclass
class Recipe:
    """All of a run but its data."""

    network: Network = field(default_factory=Network)
    training: settings.Training = field(default_factory=settings.Training)
    seed: int = 0


@dataclass
class Source:
    """How files are read.

    Attributes
    ----------
    delimiter : str
        Between numbers.
    """

    delimiter: str = ","


class Layer(Learner):
    def __init__(self, recipe, width, samples=None):
        super().__init__(recipe)
        self.save_hyperparameters({"recipe": settings.plain(recipe), "width": width})
        torch.manual_seed(recipe.seed)
        self.net = torch.nn.Linear(width, len(TAXONOMY.leaves), bias=recipe.network.bias)
        if samples is not None:
            self.prepare(samples)

    def training_step(self, batch, batch_idx):
        leaves = torch.searchsorted(torch.tensor(TAXONOMY.leaves), batch["labels"][:, 0])
        return torch.nn.functional.cross_entropy(self.net(batch["inputs"]), leaves)

    @torch.no_grad()
    def leaves(self, inputs):
        return TAXONOMY.leaves[self.net(torch.from_numpy(inputs)).argmax(1).numpy()]


class Toy(System):
    name = "toy"
    title = "toy"
    saved = ("recipe", "width")
    seeds = (0, 1)
    about = {  # noqa: RUF012
        "train": "train a layer", "evaluate": "judge a layer",
        "predict": "name samples", "reproduce": "compare layers",
    }  # fmt: skip

    def recipe(self):
        return Recipe

    def source(self):
        return Source

    def read(self, data, split, source, *, like=None, seed=0, progress=None, say=None, n: int = 60):
        """Samples around a point for each leaf, or of a file whose last column is the leaf.

        Parameters
        ----------
        data : str
            "planted", or a file of numbers.
        n : int
            Number of planted samples.
        """
        if data == "planted":
            rng = np.random.default_rng([seed, split == "test"])
            leaf = np.arange(n) % 3
            inputs = rng.normal(size=(n, 3)) * 0.3 + np.eye(3)[leaf]
        else:
            table = np.loadtxt(data, delimiter=source.delimiter)
            inputs, leaf = table[:, :-1], table[:, -1].astype(int)
        labels = TAXONOMY.leaves[leaf][:, None].astype(np.int64)
        return LabelledSet(inputs.astype(np.float32), labels, TAXONOMY, tuple(map(str, range(len(leaf)))))

    def learner(self, recipe, samples):
        """Train a layer."""
        return Layer(recipe, samples.inputs.shape[1], samples)

    def restore(self, recipe, settings):
        return Layer(recipe, settings["width"])

    def report(self, module, samples, *, progress=None):
        return {"accuracy": float((module.leaves(samples.inputs) == samples.labels[:, 0]).mean())}

    def predict(self, module, inputs, out, source, *, progress=None, say=print):
        """Name samples.

        Parameters
        ----------
        inputs : str
            As for training.
        out : str
            JSON file.
        """
        leaves = module.leaves(self.read(inputs, None, source).inputs)
        Path(out).write_text(json.dumps([TAXONOMY.names[leaf] for leaf in leaves]))
        return [f"Written to {out}"]


SYSTEM = Toy()
