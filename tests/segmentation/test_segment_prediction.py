"""Masks are those of evaluation, nested, of their images' sizes; calls go on, and harm nothing of others."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from hyperclade.data.image_rows import ImageRows, Pictures, open_pictures
from hyperclade.data.images import ImageItem, image_folder
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.learning.painting import read_mask
from hyperclade.segmentation import prediction, train
from hyperclade.segmentation.crf import CRF
from hyperclade.segmentation.evaluation import pixel_clusters, pixel_shares
from hyperclade.segmentation.levels import learned_levels
from hyperclade.segmentation.prediction import level_path, write_segments, written_hierarchy
from hyperclade.segmentation.prepare import mirrored_features
from small_segmentation import planted, recipe, save_vit, to_judge, to_learn

SIZES = {"a": (60, 90), "b": (41, 33), "deep/c": (20, 21)}


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return save_vit(tmp_path_factory.mktemp("vit"), patch=16)


@pytest.fixture(scope="module")
def module(vit):
    return train(recipe(vit, levels=3, settings={"n_code": 4}, epochs=2.0), to_learn(), device="cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed, (name, size) in enumerate(SIZES.items()):
        path = folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(planted(1, seed=seed, size=size)[0][0].transpose(1, 2, 0)).save(path)
    return open_pictures(image_folder(folder))[0]


@pytest.fixture(scope="module")
def out(module, pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "new"
    write_segments(out, module, pictures, list(SIZES))
    return out


def contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_levels_are_nested_pixel_by_pixel_and_names_and_taxonomy_say_so(module, out):
    levels, legend = learned_levels(module.net), json.loads((out / "clusters.json").read_text())["masks"]
    taxonomy = read_taxonomy(out / "taxonomy.csv")
    assert list(legend) == ["clusters", "level-1", "level-2", "level-3"]
    assert [taxonomy.names[leaf] for leaf in taxonomy.leaves] == levels.names()[-1]
    for name, size in SIZES.items():
        masks = [read_mask(level_path(out / f"{name}.png", level)) for level in (1, 2, 3)]
        assert [mask.shape for mask in masks] == [size] * 3
        leaves = taxonomy.leaves[masks[-1]]
        for depth, (mask, labels) in enumerate(zip(masks, levels.labels, strict=True)):
            np.testing.assert_array_equal(mask, labels[masks[-1]])
            called = [legend[f"level-{depth + 1}"][str(value)]["name"] for value in mask.ravel()]
            above = taxonomy.levels(leaves.ravel())[depth]
            assert called == [taxonomy.names[node] for node in above]
    assert len(np.unique(read_mask(level_path(out / "a.png", 3)))) > 1


def test_values_have_the_colours_of_the_legend_and_overlays_show_them(out, pictures):
    legend = json.loads((out / "clusters.json").read_text())["masks"]
    for row, (name, (_, w)) in enumerate(SIZES.items()):
        endings = [".png", *(f".level-{level}.png" for level in (1, 2, 3))]
        with Image.open(out / f"{name}.overlay.png") as picture:
            views = np.split(np.asarray(picture), [w, 2 * w, 3 * w, 4 * w], axis=1)
        image = pictures.read([row])[0].transpose(1, 2, 0)
        np.testing.assert_array_equal(views[0], image)
        for view, ending, of_kind in zip(views[1:], endings, legend.values(), strict=True):
            colours = np.array([of_kind[str(value)]["colour"] for value in range(len(of_kind))])
            with Image.open(out / f"{name}{ending}") as mask:
                values = np.asarray(mask)
                assert values.max() < len(colours)
                np.testing.assert_array_equal(np.asarray(mask.convert("RGB")), colours[values])
            assert np.abs(view - (0.45 * image + 0.55 * colours[values])).max() <= 1


def test_images_of_evaluation_get_the_clusters_of_evaluation(module, tmp_path):
    pixels = planted(1, size=(320, 320))[0]
    written = write_segments(tmp_path, module, ImageRows.of_pixels(pixels), ["a"])
    features = mirrored_features(module.net.patches, torch.from_numpy(pixels))
    with torch.no_grad():
        codes = module.codes(torch.from_numpy(features))
        own = pixel_clusters(codes, module.net.centres(), (320, 320))[0]
        finest = torch.from_numpy(learned_levels(module.net).centres).float()
        of_levels = pixel_clusters(codes, finest, (320, 320))[0]
    assert (read_mask(written[0]) == own).mean() > 0.999
    assert (read_mask(level_path(written[0], 3)) == of_levels).mean() > 0.999


def test_images_of_other_sizes_are_seen_with_a_shorter_side_of_320(module, monkeypatch, tmp_path):
    seen = []

    def noted(patches, images):
        seen.append(tuple(images.shape[2:]))
        return mirrored_features(patches, images)

    monkeypatch.setattr(prediction, "mirrored_features", noted)
    sizes = {(20, 30): (320, 480), (500, 400): (400, 320), (1, 50): (320, 1280), (700, 2): (1280, 320)}
    for k, size in enumerate(sizes):
        images = ImageRows.of_pixels(planted(1, size=size)[0])
        (path,) = write_segments(tmp_path, module, images, [str(k)])
        assert read_mask(path).shape == read_mask(level_path(path, 1)).shape == size
    assert seen == list(sizes.values())


@pytest.mark.parametrize("k", [1, 4, 12])
def test_segments_are_the_finest_clusters_merged_along_the_tree(module, pictures, out, k, tmp_path):
    levels = learned_levels(module.net)
    n = min(k, len(levels.centres))
    written = write_segments(tmp_path, module, pictures, list(SIZES), segments=n)
    legend = json.loads((tmp_path / "clusters.json").read_text())["masks"]["segments"]
    assert len(legend) == n
    for path, name in zip(written, SIZES, strict=True):
        finest, merged = read_mask(level_path(path, 3)), read_mask(path)
        np.testing.assert_array_equal(finest, read_mask(level_path(out / f"{name}.png", 3)))
        np.testing.assert_array_equal(merged, levels.tree.cut(n)[finest])


def test_the_random_field_refines_the_clusters_of_the_method(module, out, pictures, tmp_path, monkeypatch):
    written = write_segments(tmp_path / "whole", module, pictures, list(SIZES), crf=True)
    for row, (path, name) in enumerate(zip(written, SIZES, strict=True)):
        pixels = pictures.read([row])[0]
        with torch.no_grad():
            codes = prediction._codes(module, pixels)
        shares = pixel_shares(codes, module.net.centres(), pixels.shape[1:], 2.0)[0]
        assert (read_mask(path) == CRF()(shares, pixels).argmax(0)).mean() > 0.999
        finest = level_path(path, 3)
        np.testing.assert_array_equal(read_mask(finest), read_mask(level_path(out / f"{name}.png", 3)))
    monkeypatch.setattr(prediction, "_REFINED", 30)
    shapes = []

    class Noted(CRF):
        def __call__(self, shares, image):
            shapes.append(image.shape[1:])
            return super().__call__(shares, image)

    monkeypatch.setattr(prediction, "CRF", Noted)
    (path, *_) = write_segments(tmp_path / "bounded", module, pictures, list(SIZES), crf=True)
    assert shapes == [(20, 30), (30, 24), (20, 21)]
    assert read_mask(path).shape == SIZES["a"]
    with Image.open(tmp_path / "bounded" / "a.overlay.png") as views:
        assert views.size == (5 * 30, 20)


def test_a_stopped_call_goes_on_to_the_same_bytes(module, pictures, out, tmp_path, monkeypatch):
    def stopped(stage, done):
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_segments(tmp_path, module, pictures, list(SIZES), progress=stopped)
    (tmp_path / "a.level-2.png").unlink()  # as if the call had ended just there
    assert 0 < len(contents(tmp_path)) < len(contents(out))
    made = []
    whole = prediction._codes
    monkeypatch.setattr(prediction, "_codes", lambda *given: (made.append(given), whole(*given))[1])
    write_segments(tmp_path, module, pictures, list(SIZES))
    assert len(made) == 2  # b is finished
    assert contents(tmp_path) == contents(out)
    write_segments(tmp_path, module, pictures, list(SIZES))
    assert len(made) == 2 and contents(tmp_path) == contents(out)
    changed = Pictures((replace(pictures.items[0], source=pictures.items[1].source),))
    write_segments(tmp_path, module, changed, ["a"])  # another image of that name
    assert len(made) == 3 and read_mask(tmp_path / "a.png").shape == SIZES["b"]


def test_the_module_stays_as_it_was(module, pictures, tmp_path):
    before = {name: of.clone() for name, of in module.state_dict().items()}
    write_segments(tmp_path, module, pictures, list(SIZES))
    assert all(torch.equal(of, before[name]) for name, of in module.state_dict().items())


def test_refusals_leave_everything_as_it_was(vit, module, pictures, out, tmp_path):
    before = contents(out)
    other = train(recipe(vit, levels=3, settings={"n_code": 4}, seed=1, epochs=1.0), to_learn(), device="cpu")
    (tmp_path / "note.txt").write_text("mine")
    ids, new = list(SIZES), tmp_path / "new"
    for folder, given, names, options, match in [
        (out, other, ids, {}, "another run; choose another folder"),
        (out, module, ids, {"crf": True}, "another crf"),
        (out, module, ids, {"segments": 2}, "another segments"),
        (tmp_path, module, ids, {}, "not empty and holds no prediction"),
        (tmp_path / "note.txt", module, ids, {}, "is a file"),
        (new, module, ["a", "b", "a.jpg"], {}, "would both be written"),
        (new, module, ids, {"segments": 0}, "between 1 and"),
        (new, module, ids, {"segments": 99}, "between 1 and"),
        (new, module, ids, {"segments": 2, "crf": True}, "leave out"),
        (new, module, ids, {"reserved": [new / "b.png"]}, "which is needed"),
    ]:
        with pytest.raises(ValueError, match=match):
            write_segments(folder, given, pictures, names, **options)
    assert contents(out) == before and contents(tmp_path) == {"note.txt": b"mine"}
    Image.new("RGB", (4, 4)).save(out / "new.png")
    before = contents(out)
    with pytest.raises(ValueError, match=r"new\.png is there already"):
        write_segments(out, module, pictures, ["new", "b", "c"])
    masks = Pictures((ImageItem("a.png", None, "a", out / "a.png"),))
    with pytest.raises(ValueError, match=r"a\.png is there already"):
        write_segments(out, module, masks, ["a.png"])
    assert contents(out) == before
    (out / "new.png").unlink()


def test_the_hierarchy_of_segments_is_that_of_the_masks(module, tmp_path):
    samples = to_judge(3)
    written = write_segments(tmp_path, module, samples.images, samples.ids)
    found = written_hierarchy(module, written, samples, title="stripes")
    masks = [read_mask(level_path(path, 3)) for path in written]
    rows = {
        f"{name}#{cluster}": mask == cluster
        for name, mask in zip(samples.ids, masks, strict=True)
        for cluster in np.unique(mask)
        if (mask == cluster).mean() >= 0.005
    }
    assert found.ids.tolist() == list(rows)
    truths = dict(zip(samples.ids, samples.masks.read(slice(None)), strict=True))
    for (name, places), label in zip(rows.items(), found.labels, strict=True):
        counts = np.bincount(truths[name.split("#")[0]][places], minlength=3)
        best = [
            samples.taxonomy.names[samples.class_nodes[c]] for c in np.flatnonzero(counts == counts.max())
        ]
        assert label in best
