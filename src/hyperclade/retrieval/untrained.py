"""No loss: embeddings as they are at the start, which others are compared with."""

from torch import Tensor

from hyperclade.retrieval.method import Batch, MetricLoss


class Untrained(MetricLoss):
    """Learns nothing, in no epochs."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        raise ValueError('the method "none" does not learn: give training.epochs 0, or another method')
