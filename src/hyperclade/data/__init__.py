"""Getting data in and results out: feature files, media, labels, bundled samples, atomic writes."""

from hyperclade._lazy import lazy_exports

_NAMES = {
    "atomic": ("atomic_directory", "atomic_write"),
    "avdigits": ("add_noise", "blur_images", "load_avdigits"),
    "clip_cache": ("cache_clips", "skipped_clips"),
    "clips": ("read_clip_table",),
    "columns": ("in_order", "read_columns"),
    "embedding": ("embed_to_file",),
    "features": ("FeatureTable", "read_features", "validate_features", "write_features"),
    "arff": (
        "ArffTable", "labelled_arff",
        "read_arff_features", "read_arff_table", "read_hierarchical_arff",
    ),
    "image_rows": ("VOID", "ImageRows", "MaskRows", "Pictures", "open_images", "open_masks", "open_pictures"),
    "image_set": ("ImageSet",),
    "images": ("ImageItem", "decode_images", "image_folder", "image_parquet"),
    "labelled": ("LabelledSet",),
    "labelled_files": ("labelled_features", "labelled_images"),
    "masks": ("MaskListing", "MaskedSet", "mask_listing", "masked_folder"),
    "media": ("ClipMedia", "MediaError", "probe", "read_clip"),
    "mosaics": ("texture_mosaics",),
    "opening": ("what_is",),
    "paired": ("PairedSet",),
    "samples": (
        "Sample", "data_home",
        "load_cifar100_images", "load_digits", "load_imclef", "load_nouns",
    ),
    "scaling": ("Scaling", "scaling_of", "spread_hint"),
    "segmentation_sets": ("camvid", "cityscapes27", "cocostuff27", "load_camvid", "potsdam3"),
    "spectrogram": ("log_mel",),
    "store": ("claim", "fingerprint"),
    "taxonomies": ("read_taxonomy",),
    "texts": ("text_lines",),
}  # fmt: skip

__getattr__, __dir__, __all__ = lazy_exports(
    __name__, {name: module for module, names in _NAMES.items() for name in names}
)
