"""What systems ask of their samples, whatever these are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hyperclade.data.image_rows import ImageRows, MaskRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import MaskedSet
from hyperclade.data.paired import PairedSet
from hyperclade.data.sets import content_digest, some_rows
from hyperclade.trees.taxonomy import Taxonomy

N = 5
PETS = Taxonomy.from_paths(["animal/dog", "animal/cat", "oak"])
PLANTS = Taxonomy.from_paths(["plant/fern", "plant/moss", "elm"])
IDS = tuple("abcde")


def pixels(channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (N, channels, 4, 6)).astype(np.uint8)


def features():
    rows = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    return LabelledSet(rows, np.array([[1, 0], [2, -1], [3, -1], [1, -1], [0, -1]]), PETS, IDS)


def images():
    return replace(features(), inputs=ImageRows.of_pixels(pixels()))


def masks():
    classes = np.random.default_rng(1).integers(0, 3, (N, 4, 6)).astype(np.uint8)
    return MaskedSet(
        ImageRows.of_pixels(pixels()), MaskRows.of_classes(classes), PETS, PETS.leaves, IDS, (("x", "cut"),)
    )


def pairs():
    sounds = np.random.default_rng(1).normal(size=(3, 7, 8)).astype(np.float16)
    return PairedSet(pixels()[:, None], sounds, np.arange(N), np.array([2, 0, 0, 1, 1]), ids=IDS)


SETS = {"features": features, "images": images, "masks": masks, "pairs": pairs}
every = pytest.mark.parametrize("samples", [made() for made in SETS.values()], ids=SETS)


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("kind", "word", "in_memory", "skipped", "words"),
    [
        ("features", "samples", True, (), "3 features"),
        ("images", "samples", False, (), "images of 4 × 6"),
        ("masks", "samples", False, (("x", "cut"),), "pixels of images of 4 × 6"),
        ("pairs", "pairs", False, (), "frames 1 × 3 × 4 × 6, sounds 7 × 8"),
    ],
)
def test_what_they_say_of_themselves(kind, word, in_memory, skipped, words):
    samples = SETS[kind]()
    assert (samples.word, samples.in_memory, samples.skipped) == (word, in_memory, skipped)
    assert samples.describe() == words and len(samples) == N and samples.ids == IDS


@pytest.mark.parametrize(
    ("kind", "arrays"),
    [
        ("features", {"inputs": ("float32", (2, 3)), "labels": ("int64", (2, 2))}),
        ("images", {"inputs": ("uint8", (2, 3, 4, 6)), "labels": ("int64", (2, 2))}),
        ("masks", {"inputs": ("uint8", (2, 3, 4, 6)), "masks": ("uint8", (2, 4, 6))}),
        (
            "pairs",
            {
                "rows": ("int64", (2,)),
                "frames": ("uint8", (2, 1, 3, 4, 6)),
                "sounds": ("float32", (2, 1, 7, 8)),
            },
        ),
    ],
)
def test_a_batch_has_arrays_by_name(kind, arrays):
    batch = SETS[kind]().batch([3, 0])
    assert {name: (str(values.dtype), values.shape) for name, values in batch.items()} == arrays


@every
def test_a_batch_holds_its_rows_one_by_one(samples):
    batch = samples.batch([4, 1, 1])
    for place, row in enumerate((4, 1, 1)):
        single = samples.batch([row])
        assert same({name: values[place : place + 1] for name, values in batch.items()}, single)
    assert not same(samples.batch([0]), samples.batch([1]))


@every
def test_a_batch_may_be_changed_in_place(samples):
    before = samples.batch([2, 0])
    for values in samples.batch([2, 0]).values():
        values[:] = 1
    assert same(samples.batch([2, 0]), before)


@every
@pytest.mark.parametrize("rows", [[4, 0, 0], [-1], np.array([True, False, False, True, False])])
def test_a_subset_is_those_rows_in_their_order(samples, rows):
    chosen = np.arange(N)[rows]
    part = samples.subset(rows)
    assert len(part) == len(chosen) and part.ids == tuple(IDS[row] for row in chosen)
    found, expected = part.batch(np.arange(len(chosen))), samples.batch(chosen)
    found.pop("rows", None), expected.pop("rows", None)  # those of the subset itself
    assert same(found, expected) and part.describe() == samples.describe()


@every
def test_a_fingerprint_is_of_what_there_is_and_goes_through_json(samples):
    print_of = samples.fingerprint()
    assert print_of["number"] == N and print_of == json.loads(json.dumps(print_of))
    assert samples.subset(np.arange(N)).fingerprint() == print_of
    assert samples.subset([0, 1, 2, 4, 3]).fingerprint() != print_of
    assert samples.subset([0, 1, 2]).fingerprint()["number"] == 3


def changed(array, place):
    array = np.array(array)
    array[place] = array[place] == 0
    return array


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("features", {"inputs": changed(features().inputs, (4, 2))}),
        ("features", {"labels": changed(features().labels, (4, 0))}),
        ("features", {"taxonomy": PLANTS}),
        ("features", {"ids": ("a", "b", "c", "d", "z")}),
        ("images", {"inputs": ImageRows.of_pixels(changed(pixels(), (0, 0, 0, 0)))}),
        ("masks", {"images": ImageRows.of_pixels(changed(pixels(), (0, 0, 0, 0)))}),
        ("masks", {"masks": MaskRows.of_classes(np.zeros((N, 4, 6), np.uint8))}),
        ("masks", {"class_nodes": PETS.leaves[::-1]}),
        ("masks", {"taxonomy": PLANTS}),
        ("pairs", {"frames": changed(pixels(), (4, 0, 0, 0))[:, None]}),
        ("pairs", {"sounds": changed(pairs().sounds, (1, 6, 7))}),
        ("pairs", {"sound_rows": np.zeros(N, int)}),
        ("pairs", {"ids": ()}),
    ],
)
def test_a_fingerprint_tells_contents_apart(kind, change):
    samples = SETS[kind]()
    assert replace(samples, **change).fingerprint() != samples.fingerprint()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("features", {"completed": 3}),
        ("masks", {"skipped": ()}),
        ("pairs", {"labels": np.array([0, 1, -1, 0, 0]), "class_names": ("dog", "owl")}),  # judge, not teach
    ],
)
def test_what_training_does_not_read_is_in_no_fingerprint(kind, change):
    samples = SETS[kind]()
    assert replace(samples, **change).fingerprint() == samples.fingerprint()


def test_shapes_are_in_the_fingerprint_of_pairs():
    samples = pairs()
    print_of = samples.fingerprint()
    assert (print_of["frame_shape"], print_of["sound_shape"]) == ([1, 3, 4, 6], [7, 8])


def test_digests_read_a_few_rows_of_many():
    assert some_rows(10**9)[[0, -1]].tolist() == [0, 10**9 - 1] and len(some_rows(10**9)) == 64
    assert set(some_rows(3)) == {0, 1, 2}
    rows = np.arange(12).reshape(3, 4)
    assert content_digest(["a"], [rows]) == content_digest(["a"], [np.asfortranarray(rows)])
    assert content_digest(["ab"], []) != content_digest(["a", "b"], [])
    assert content_digest(["\udcff"], [])  # names of files that are no UTF-8
