"""Getting data in and results out: feature files, media folders, bundled samples, atomic writes."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
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
        "PairedSet": "paired",
        "add_noise": "avdigits",
        "blur_images": "avdigits",
        "load_avdigits": "avdigits",
        "ClipMedia": "media",
        "MediaError": "media",
        "probe": "media",
        "read_clip": "media",
        "log_mel": "spectrogram",
        "cache_clips": "clips",
        "read_clip_table": "clips",
        "skipped_clips": "clips",
    },
)
