"""Optimal transport for clustering: log-domain Sinkhorn, dense and streamed, and rounding to exact sizes."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "SinkhornResult": "dense",
        "sinkhorn": "dense",
        "FeatureScores": "streamed",
        "RowBlocks": "streamed",
        "StreamedSinkhornResult": "streamed",
        "block_column_log_sums": "streamed",
        "reduce_column_log_sums": "streamed",
        "sinkhorn_streamed": "streamed",
        "round_candidates": "rounding",
        "round_to_sizes": "rounding",
        "gaussian": "marginals",
        "match_to_current": "marginals",
        "sizes_from_marginal": "marginals",
        "uniform": "marginals",
        "zipf": "marginals",
    },
)
