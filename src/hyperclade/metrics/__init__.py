"""How good a partition, a hierarchy or a prediction is, judged against labels, never against features."""

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
        "hierarchical_distance": "mistakes",
        "mistake_distance": "mistakes",
        "mistakes_report": "mistakes",
        "top1_error": "mistakes",
        "coherent_mean_average_precision": "multilabel",
        "coherent_scores": "multilabel",
        "constraint_violation": "multilabel",
        "constraint_violation_closure": "multilabel",
        "mean_average_precision": "multilabel",
        "micro_average_precision": "multilabel",
        "recognition_report": "multilabel",
        "LevelIoU": "segmentation",
        "MatchedIoU": "segmentation",
        "PixelConfusion": "segmentation",
        "class_iou": "segmentation",
        "matched_iou": "segmentation",
        "mean_iou": "segmentation",
        "mean_iou_per_level": "segmentation",
    },
)
