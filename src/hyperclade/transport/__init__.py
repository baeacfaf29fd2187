"""Optimal transport for clustering: log-domain Sinkhorn, dense and streamed, and rounding to exact sizes."""

from importlib import import_module
from typing import Any

_EXPORTS = {
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
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
