"""Arrays stay memory-mapped."""

import numpy as np

from hyperclade.data.features import read_features, write_features

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["cat", 'say "hi", ok', "Ωmega", "NA"]


def test_npy_is_memory_mapped(tmp_path):
    write_features(tmp_path / "x.npy", X)
    assert isinstance(read_features(tmp_path / "x.npy").features, np.memmap)
