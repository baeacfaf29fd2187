"""What a finished discovery is, how it is written and kept; pictures of hierarchies and of clusters."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "BlockScores": "similarity",
        "Cuts": "cuts",
        "HierarchyPanel": "exemplars",
        "Media": "media",
        "Outcome": "outcome",
        "Parts": "parts",
        "Partition": "partition",
        "SavedDiscovery": "saved",
        "cluster_similarity": "similarity",
        "describe_clusters": "exemplars",
        "draw_cluster_similarity": "similarity",
        "draw_hierarchies": "exemplars",
        "draw_hierarchy": "picture",
        "main_branches": "branches",
        "named_nodes": "picture",
        "outline": "text",
        "outline_nodes": "text",
        "nearest_exemplars": "exemplars",
        "sound_pictures": "exemplars",
        "page_text": "page",
        "show": "notebook",
        "upper_tree": "dendrogram",
        "write_page": "page",
    },
)
