"""Getting data in and results out: feature files, media folders, bundled samples, atomic writes."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "atomic_directory": "atomic",
    "atomic_write": "atomic",
    "FeatureTable": "features",
    "read_features": "features",
    "validate_features": "features",
    "write_features": "features",
    "decode_images": "images",
    "image_folder": "images",
    "image_parquet": "images",
    "text_lines": "texts",
    "Sample": "samples",
    "data_home": "samples",
    "load_digits": "samples",
    "load_nouns": "samples",
    "load_uci": "samples",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
