"""Optimal transport for clustering: log-domain Sinkhorn, rounding to exact sizes, rows over processes.

Scores come in blocks of rows, NumPy arrays or torch tensors on any device; vectors over clusters are NumPy.
Nothing here imports torch before it meets a tensor.
"""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "StreamedSinkhornResult": "streamed",
        "column_log_sums": "streamed",
        "sinkhorn_streamed": "streamed",
        "round_candidates": "rounding",
        "top_candidates": "rounding",
        "gaussian": "marginals",
        "match_to_current": "marginals",
        "sizes_from_marginal": "marginals",
        "zipf": "marginals",
    },
)
