"""How good a partition or a hierarchy is, judged against labels; nothing here looks at features."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "block_score": "blocks",
        "block_score_spread": "blocks",
        "ami": "partitions",
        "ari": "partitions",
        "cluster_entropy": "partitions",
        "hungarian_accuracy": "partitions",
        "mean_purity": "partitions",
        "nmi": "partitions",
        "partition_report": "partitions",
        "weighted_purity": "partitions",
        "dendrogram_purity": "dendrograms",
        "taxonomy_purity": "dendrograms",
    },
)
