"""What the systems that learn share: runs, augmentation, labellers, schedules, class positions, pixels."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Learner": "module",
        "ScoreBlocks": "labelling",
        "StepBatches": "schedule",
        "System": "system",
        "augment_frames": "augment",
        "augment_masked": "augment_masks",
        "augment_sounds": "augment",
        "centroid_similarity": "class_positions",
        "class_tree": "class_positions",
        "features_at": "pixels",
        "hierarchy_labels": "labelling",
        "kmeans_labels": "labelling",
        "matching_columns": "alignment",
        "plain_frames": "augment",
        "precluster_labels": "labelling",
        "relabelling_steps": "schedule",
        "sample_pixels": "pixels",
        "sinkhorn_labels": "labelling",
    },
)
