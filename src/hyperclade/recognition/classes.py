"""What the methods need to know of a taxonomy, as tensors that move with a network."""

import torch
from torch import Tensor, nn

from hyperclade.trees.taxonomy import Taxonomy


class Classes(nn.Module):
    """The m nodes of a taxonomy, of which k are leaves; no parameters.

    Attributes
    ----------
    taxonomy : Taxonomy
        For what is needed once, such as distances.
    closure : (m, m) float32
        Row v has 1 for v and each of its ancestors.
    ways : (k, m) float32
        The rows of `closure` of the leaves.
    edges : (e, 2) int64
        Parent and child.
    leaves : (k,) int64
        Ascending.
    depth : (m,) int64
        0 for roots.

    Examples
    --------
    >>> classes = Classes(Taxonomy.from_paths(["animal/dog", "animal/cat", "toy"]))
    >>> classes.n_nodes, classes.n_leaves, classes.leaves.tolist()
    (4, 3, [1, 2, 3])
    """

    closure: Tensor
    ways: Tensor
    edges: Tensor
    leaves: Tensor
    depth: Tensor

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.taxonomy = taxonomy
        closure = torch.from_numpy(taxonomy.ancestor_matrix().toarray()).float()
        for name, value in (
            ("closure", closure),
            ("ways", closure[torch.from_numpy(taxonomy.leaves.copy())]),
            ("edges", torch.from_numpy(taxonomy.edges.copy())),
            ("leaves", torch.from_numpy(taxonomy.leaves.copy())),
            ("depth", torch.from_numpy(taxonomy.depth.copy())),
        ):
            self.register_buffer(name, value, persistent=False)

    @property
    def n_nodes(self) -> int:
        return len(self.closure)

    @property
    def n_leaves(self) -> int:
        return len(self.leaves)

    def ends(self, targets: Tensor) -> Tensor:
        """Share `(b, m)` of each sample whose deepest label is the node, for closed targets in [0, 1].

        Of samples with one way down a tree each, and of mixtures of such. Where a sample has two labels under
        one parent, or a mixture's ways meet again, a share may be too low.

        >>> Classes(Taxonomy.from_paths(["animal/dog"])).ends(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        below = torch.zeros_like(targets).index_add(1, self.edges[:, 0], targets[:, self.edges[:, 1]])
        return (targets - below).clamp_min(0)

    def shares(self, targets: Tensor) -> Tensor:
        """Weights `(b, m)` of each sample's deepest labels, which sum to 1, for closed targets `(b, m)`.

        A sample without labels has weights of 0.

        >>> classes = Classes(Taxonomy.from_paths(["animal/dog", "toy"]))
        >>> classes.shares(torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
        [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
        """
        ends = self.ends(targets)
        return ends / ends.sum(1, keepdim=True).clamp_min(1e-12)

    def node_log_probability(self, leaf_logits: Tensor) -> Tensor:
        """Logarithm `(b, m)` of the probability of each node, the sum of its leaves', from logits `(b, k)`.

        >>> classes = Classes(Taxonomy.from_paths(["animal/dog", "animal/cat", "toy"]))
        >>> classes.node_log_probability(torch.zeros(1, 3)).exp()
        tensor([[0.6667, 0.3333, 0.3333, 0.3333]])
        """
        log_leaf = torch.log_softmax(leaf_logits, dim=1)
        sums = log_leaf.exp() @ self.ways
        # Leaves keep their own logarithm, whose gradient does not vanish with the probability.
        log_node = sums.clamp(torch.finfo(sums.dtype).tiny, 1.0).log()
        return log_node.index_copy(1, self.leaves, log_leaf)
