"""The values or colours of the pixels of a mask, exactly as its file has them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

_LOSSY = ("JPEG", "MPO", "JPEG2000")
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")
_GREY_ALPHA = ("LA", "PA")
_COLOUR_ALPHA = (*_GREY_ALPHA, "RGBA")
_VALUED = ("1", "L", "P", *_GREY_ALPHA)
_COLOURED = (*_VALUED, "RGB", "RGBA")
_OPAQUE = 255


def mask_codes(
    mask: "Image", colours: bool, covering: Callable[["Image"], "Image"]
) -> tuple[np.ndarray, np.ndarray | None] | ValueError:
    """Values of pixels, or colours 0xRRGGBB, and which pixels are transparent; or what is wrong with it.

    Values are grey levels, of up to 31 bits, and indices of a palette. Grey levels of less than 8 bits are
    those of the file, though Pillow spreads them over 0 to 255.

    Parameters
    ----------
    mask : Image
        Opened, but not yet decoded.
    colours : bool
        Whether colours are wanted, else values.
    covering : callable
        Brings the upright mask to its size.

    Returns
    -------
    codes : (h, w) int64
    transparent : (h, w) bool, or None where the mask has no transparency
    """
    from PIL import ImageOps

    if mask.format in _LOSSY or mask.info.get("compression") in _LOSSY_TIFF:
        return ValueError(
            f"is compressed as {mask.info.get('compression', mask.format)}, which changes values where they "
            "meet; write masks as PNG"
        )
    top, wide = _levels(mask)
    if wide:
        return ValueError("has colours or transparency of 16 bits, which cannot be read exactly; use 8 bits")
    mask.load()
    mask = covering(ImageOps.exif_transpose(mask))
    if colours:
        if mask.mode not in _COLOURED:
            return ValueError(f"is of kind {mask.mode!r}; a palette needs colours of 8 bits (an RGB PNG)")
        clear = mask.mode in _COLOUR_ALPHA or "transparency" in mask.info
        pixels = np.asarray(mask.convert("RGBA" if clear else "RGB")).astype(np.int64)
        codes = pixels[:, :, 0] << 16 | pixels[:, :, 1] << 8 | pixels[:, :, 2]
    else:
        if mask.mode not in _VALUED and mask.mode[0] != "I":
            return ValueError(
                f"is of kind {mask.mode!r}; need a whole number per pixel (a grey or palette PNG), or, for "
                "colours, the option palette"
            )
        pixels = np.asarray(mask)
        clear = mask.mode in _GREY_ALPHA
        codes = (pixels[:, :, 0] if clear else pixels).astype(np.int64)
        if top is not None:
            codes = np.rint(codes * top / (_OPAQUE if mask.mode == "L" else 0xFFFF)).astype(np.int64)
    if not clear:
        return codes, None
    alpha = pixels[:, :, -1]
    partly = (alpha > 0) & (alpha < _OPAQUE)
    if partly.any():
        return ValueError(f"has a pixel that is partly transparent (alpha {alpha[partly][0]}); use 0 or 255")
    return codes, alpha == 0


def _levels(mask: "Image") -> tuple[int | None, bool]:
    """The highest grey level of a file whose levels Pillow spreads, and whether it cuts off 16 bits."""
    for tile in getattr(mask, "tile", None) or ():
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        raw = str(arguments[0]) if arguments else ""
        if re.fullmatch(r"(LA|RGB|RGBA|RGBX|RGBa);16[BLN]", raw):
            return None, True
        if tile[0].startswith("ppm") and len(arguments) > 1 and isinstance(arguments[1], int):
            return (arguments[1] if raw == "L" else None), raw != "L" and arguments[1] > _OPAQUE
        if (bits := re.fullmatch(r"L;([24])[IR]*", raw)) is not None:
            return (1 << int(bits[1])) - 1, False
    return None, False
