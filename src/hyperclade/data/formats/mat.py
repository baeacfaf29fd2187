"""Images and masks in MATLAB files (up to version 7.2), which SciPy reads."""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIX = ".mat"
VARIABLES = ("img", "gt")
_VOID = 255


def read_image(path: Path) -> "Image":
    """The image of a file, in its variable "img", or its mask, in "gt".

    Images are (h, w) or (h, w, 3 or 4) uint8, of which a fourth channel (infrared) is left out; masks (h, w)
    whole numbers, where negative ones mean no class and become 255. Raises ValueError where the file is no
    such file or has no such variable, OSError where it cannot be read.

    >>> import tempfile
    >>> import scipy.io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scipy.io.savemat(f"{folder}/a.mat", {"gt": np.array([[0, 1, -1]])})
    ...     np.asarray(read_image(Path(folder, "a.mat"))).tolist()
    [[0, 1, 255]]
    """
    from PIL import Image

    array = _array(path)
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4):
        return Image.fromarray(np.ascontiguousarray(array[:, :, :3]))
    if array.ndim != 2 or array.dtype.kind not in "bui" or not array.size:
        raise ValueError(
            f"need (h, w, 3 or 4) uint8 or (h, w) whole numbers, got {array.shape} of {array.dtype}"
        )
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    values = np.where(array < 0, _VOID, array.astype(np.int64))
    if values.max() > np.iinfo(np.int32).max:
        raise ValueError(f"the value {values.max()} is beyond 31 bits")
    return Image.fromarray(values.astype(np.int32))


def _array(path: Path) -> np.ndarray:
    import scipy.io
    from scipy.io.matlab import MatReadError

    try:
        with open(path, "rb") as file:  # by its name SciPy does not say that a file is missing
            found = scipy.io.loadmat(file, variable_names=VARIABLES)
    except NotImplementedError as error:
        raise ValueError("a MATLAB file of version 7.3; save it with -v7") from error
    except (MatReadError, ValueError, TypeError, KeyError, IndexError, EOFError, zlib.error) as error:
        raise ValueError(f"not a readable MATLAB file ({error})") from error
    arrays = [found[name] for name in VARIABLES if name in found]
    if len(arrays) != 1:
        raise ValueError(
            f"a MATLAB file needs one of the variables {', '.join(VARIABLES)}; has {len(arrays)}"
        )
    return np.asarray(arrays[0])
