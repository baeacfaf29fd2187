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
    "iris": "bce43697420adb14",
    "digits": "99147fe2ef925177",
    "digits, cosine metric": "ea62eb96fa86ffac",
    "digits, cosine": "1816a55fda08bd18",
    "digits, euclidean": "6afab03910c07b32",
    "digits, softmax": "cdf7e58899453122",
    "digits, pre-clusters": "0c96feb4631c09b9",
    "digits, pre-clusters of any size": "bdd5d4a433382744",
    "nouns": "3f0ab0bff368f664",
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
