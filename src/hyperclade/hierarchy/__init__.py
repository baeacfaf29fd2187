"""Hierarchical clustering: similarities, exact costs, tree solvers, HypHC, UFit, pre-clusters, `SHHC`."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "SHHC": "shhc",
        "HypHC": "hyphc",
        "UFit": "ufit",
        "Linkage": "linkage",
        "dasgupta_cost": "cost",
        "normalised_score": "cost",
        "similarity_of": "similarity",
        "precluster": "precluster",
        "name_nodes": "naming",
    },
)
