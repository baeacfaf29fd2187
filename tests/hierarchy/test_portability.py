"""The same rows and seed give the same tree on every processor: checksums of trees, to be met by all.

Beside the ordinary run, `make test` runs this file with kernels compiled for a generic processor, another set
of BLAS kernels and one thread. A change of the algorithm changes the checksums: print them with
`python tests/hierarchy/test_portability.py`, on two processors.
"""

import hashlib
import json

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from hyperclade import SHHC
from hyperclade.data.samples import load_nouns
from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.precluster import precluster
from hyperclade.hierarchy.rows import Rows

EXPECTED = {
    "iris": "f10f6b6bb41bda56",
    "digits": "8e81089d10f2c7ec",
    "digits, cosine metric": "e42fc4325e958337",
    "digits, cosine": "aca355bd49c70b49",
    "digits, euclidean": "874b2a3af19be79f",
    "digits, softmax": "79c3e625bb33aa44",
    "digits, pre-clusters": "f6ac33ad8cc7000a",
    "digits, pre-clusters of any size": "57dc1278ab0f7ef9",
    "nouns": "9c5153197cdc2349",
    "inverted lists": "03d523b3cbbec805",
    "two levels": "a61d8666e12f2503",
}


def checksum(*arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def tree_of(X, *arguments, **options):
    model = SHHC(*arguments, random_state=0, **options).fit(X)
    return checksum(model.tree_.parent, model.tree_.height, model.labels_)


def mixture():
    """Whole numbers, so that the data themselves are the same everywhere."""
    rng = np.random.default_rng(0)
    centres = rng.integers(-100, 100, (60, 24))
    return (centres[rng.integers(0, 60, 24_000)] + rng.integers(-40, 40, (24_000, 24))).astype(np.float32)


CASES = {
    "iris": lambda: tree_of(load_iris().data),
    "digits": lambda: tree_of(load_digits().data),
    "digits, cosine metric": lambda: tree_of(load_digits().data, metric="cosine"),
    "digits, cosine": lambda: tree_of(load_digits().data[:600], similarity="cosine"),
    "digits, euclidean": lambda: tree_of(load_digits().data[:600], similarity="euclidean"),
    "digits, softmax": lambda: tree_of(load_digits().data[:400], similarity="softmax"),
    "digits, pre-clusters": lambda: tree_of(load_digits().data, 60),
    "digits, pre-clusters of any size": lambda: tree_of(load_digits().data, 60, balanced=False),
    "nouns": lambda: tree_of(load_nouns().features),
    "inverted lists": lambda: checksum(*NeighbourIndex(Rows(mixture(), "euclidean")).own(10)),
    "two levels": lambda: checksum(
        precluster(mixture()[:9000], 1100, metric="euclidean", random_state=0).labels
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_checksums(case):
    assert CASES[case]() == EXPECTED[case]


if __name__ == "__main__":
    print(json.dumps({name: make() for name, make in CASES.items()}, indent=4))
