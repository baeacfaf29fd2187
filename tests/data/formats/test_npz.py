"""Archives of other programs, and sparse matrices."""

import numpy as np
import pytest
import scipy.sparse as sp

from hyperclade.data.features import read_features, write_features

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["cat", 'say "hi", ok', "Ωmega", "NA"]


def test_sparse_npz_reads_back_and_foreign_ones_become_csr(tmp_path):
    matrix = sp.random_array(
        (6, 5), density=0.4, rng=np.random.default_rng(0), format="csr", dtype=np.float32
    )
    write_features(tmp_path / "x.npz", matrix, labels=list("aabbcc"))
    table = read_features(tmp_path / "x.npz")
    assert table.features.format == "csr"
    assert table.features.dtype == np.float32
    np.testing.assert_array_equal(table.features.toarray(), matrix.toarray())
    assert table.labels.tolist() == list("aabbcc")
    sp.save_npz(tmp_path / "csc.npz", matrix.tocsc())
    np.testing.assert_array_equal(read_features(tmp_path / "csc.npz").features.toarray(), matrix.toarray())
    with pytest.raises(ValueError, match=r"\.npz only"):
        write_features(tmp_path / "x.npy", matrix)


def test_npz_by_other_programs(tmp_path):
    np.savez(tmp_path / "one.npz", whatever=X, y=np.arange(4))
    np.testing.assert_array_equal(read_features(tmp_path / "one.npz", labels="y").features, X)
    assert read_features(tmp_path / "one.npz", labels="y").labels.tolist() == [0, 1, 2, 3]
    np.savez(tmp_path / "two.npz", X=X, other=X[:2])
    np.testing.assert_array_equal(read_features(tmp_path / "two.npz").features, X)
    np.savez(tmp_path / "unclear.npz", a=X, b=X)
    with pytest.raises(ValueError, match=r"'features' or 'X', or a choice .*; found a \(4, 3\), b \(4, 3\)"):
        read_features(tmp_path / "unclear.npz")
    np.testing.assert_array_equal(read_features(tmp_path / "unclear.npz", features=["b"]).features, X)
    for wrong in (["c"], ["a", "b"]):
        with pytest.raises(ValueError, match=r"one of its arrays, not .*; found a \(4, 3\)"):
            read_features(tmp_path / "unclear.npz", features=wrong)


@pytest.mark.parametrize(
    "matrix",
    [
        {"format": b"csr", "shape": [2, 2], "data": [1.0]},
        {"format": b"no such", "shape": [2, 2], "data": [1.0]},
        {"format": b"csr", "shape": [2, 2], "data": [1.0], "indices": [5], "indptr": [0, 1, 1]},
    ],
)
def test_matrices_that_lack_something_are_refused(tmp_path, matrix):
    np.savez(tmp_path / "x.npz", **matrix)
    with pytest.raises(ValueError, match=r"x\.npz: not a readable \.npz archive"):
        read_features(tmp_path / "x.npz")
