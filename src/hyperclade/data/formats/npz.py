"""Features as arrays or CSR matrices in `.npz` archives."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from hyperclade.data.atomic import atomic_write
from hyperclade.data.formats.npy import BROKEN
from hyperclade.data.formats.rows import Asked, Read, pick_columns

#: what SciPy keeps its matrices in
_OF_MATRICES = ("format", "shape", "data", "indices", "indptr", "row", "col", "offsets")


def read(path: Path, asked: Asked) -> Read:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            sparse = {"format", "shape", "data"} <= set(archive.files) and not asked.features
            arrays = {key: archive[key] for key in archive.files if not (sparse and key in _OF_MATRICES)}
        matrix = sp.load_npz(path).tocsr() if sparse else None
        if matrix is not None:
            matrix.check_format()  # indices that lie outside would be read all the same
    except (*BROKEN, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ValueError(f"{path}: not a readable .npz archive of numbers and text ({error})") from error
    features = _features_of_archive(path, arrays, asked.features) if matrix is None else matrix
    columns, inside = pick_columns([key for key, a in arrays.items() if a.ndim == 1], asked)
    return Read(features, {role: arrays[key] for role, key in columns.items()}, inside)


def write(path: Path, features: Any, columns: dict[str, np.ndarray]) -> None:
    arrays: dict[str, Any] = {f"{role}s": _fixed_width(values) for role, values in columns.items()}
    if sp.issparse(features):
        csr = features.tocsr()
        arrays |= {"format": b"csr", "shape": csr.shape, "data": csr.data}
        arrays |= {"indices": csr.indices, "indptr": csr.indptr}
    else:
        arrays["features"] = features
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def _features_of_archive(path: Path, arrays: dict[str, np.ndarray], asked: tuple[str, ...]) -> np.ndarray:
    there = ", ".join(f"{key} {array.shape}" for key, array in arrays.items()) or "nothing"
    if asked:
        if len(asked) > 1 or asked[0] not in arrays:
            raise ValueError(
                f"{path}: the features are one of its arrays, not {', '.join(asked)}; found {there}"
            )
        return arrays[asked[0]]
    named = [key for key in ("features", "X") if key in arrays]
    two_dimensional = [key for key, array in arrays.items() if array.ndim == 2]
    if named:
        return arrays[named[0]]
    if len(two_dimensional) == 1:
        return arrays[two_dimensional[0]]
    raise ValueError(
        f"{path}: need one 2-d array, or one called 'features' or 'X', or a choice (option `features`); "
        f"found {there}"
    )


def _fixed_width(values: np.ndarray) -> np.ndarray:
    """As unicode, since object arrays would have to be pickled; None becomes the empty text."""
    if values.dtype.kind == "i":
        return values
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)
