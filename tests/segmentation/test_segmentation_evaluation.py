"""Figures of clusters against counting pixel by pixel, under every protocol."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from hyperclade.data.image_rows import VOID, ImageRows, MaskRows
from hyperclade.data.masks import MaskedSet
from hyperclade.metrics.segmentation import PixelConfusion, matched_iou
from hyperclade.segmentation.crf import CRF
from hyperclade.segmentation.evaluation import class_levels, evaluate, pixel_clusters, pixel_shares
from hyperclade.segmentation.levels import learned_levels
from hyperclade.segmentation.protocol import PROTOCOLS, protocol_of
from hyperclade.segmentation.system import SYSTEM, train
from small_segmentation import CLASS_NODES, TAXONOMY, recipe, save_vit, to_judge, to_learn


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """STEGO with OMH at two levels, and k-means."""
    vit = save_vit(tmp_path_factory.mktemp("vit"))
    stego = recipe(vit, "stego", levels=2, settings={"n_code": 6, "points": 3}, epochs=6.0)
    return {
        "stego": train(stego, to_learn(), device="cpu"),
        "kmeans": train(recipe(vit, "kmeans", epochs=0.1), to_learn(), device="cpu"),
    }


def codes_of(module, pixels):
    """Mean of the codes of an image and of its mirror image turned back."""
    image = torch.from_numpy(pixels.copy()).float()[None] / 255
    with torch.no_grad():
        there, mirrored = (
            module.net.method.code(module.net.kept(module.net.patches(side).half()))
            for side in (image, image.flip(3))
        )
    return (there + mirrored.flip(3)) / 2


@pytest.mark.parametrize("name", ["strict", "stego"])
def test_figures_are_those_of_pixels_counted_one_by_one(name, runs):
    module, samples = runs["stego"], to_judge()
    figures = evaluate(module, samples, PROTOCOLS[name], crf=True, levels=False)
    centres = module.net.centres(fitted=name == "strict")
    plain, refined = PixelConfusion(3, 3), PixelConfusion(3, 3)
    for row in range(len(samples)):
        codes = codes_of(module, samples.images.read([row])[0])
        at_pixels = interpolate(codes, samples.masks.size, mode="bilinear", align_corners=False)[0]
        cosines = torch.einsum("dhw,kd->khw", at_pixels, centres)
        true = samples.masks.read([row])[0]
        plain.update(cosines.argmax(0).numpy(), true)
        shares = pixel_shares(codes, centres, samples.masks.size, PROTOCOLS[name].sharpness)[0]
        refined.update(CRF()(shares, samples.images.read([row])[0]).argmax(0), true)
    for found, counts in ((figures, plain), (figures["crf"], refined)):
        expected = matched_iou(counts.counts)
        # A pixel on a border may fall to either side by the last digit of its products.
        assert found["accuracy"] == pytest.approx(expected.accuracy, abs=1e-3)
        assert found["mean_iou"] == pytest.approx(expected.mean_iou, abs=2e-3)
        assert found["iou"].keys() == {"warm/red", "warm/yellow", "blue"}


def test_kept_features_give_the_same_figures(runs, tmp_path):
    module, samples = runs["stego"], to_judge()
    prepared = SYSTEM.prepare(module.recipe, samples, tmp_path, device="cpu")
    assert evaluate(module, prepared, PROTOCOLS["strict"]) == evaluate(module, samples, PROTOCOLS["strict"])


def test_colours_are_found(runs):
    """Random features tell three plain colours apart; this would fail were pixels moved or mirrored."""
    assert evaluate(runs["kmeans"], to_judge(), PROTOCOLS["strict"])["accuracy"] > 0.85


def test_levels_are_judged_at_each_number_of_clusters_and_level_of_classes(runs):
    module, samples = runs["stego"], to_judge()
    rows = evaluate(module, samples, PROTOCOLS["strict"])["levels"]
    own = learned_levels(module.net)
    sizes = [(3, 3), (3, 2), (6, 3), (6, 2), (12, 3), (12, 2)]
    assert [(row["clusters"], row["classes"]) for row in rows] == sizes
    few = samples.masks.read(slice(None))[:, 2::4, 2::4]
    codes = torch.cat([codes_of(module, picture) for picture in samples.images.read(slice(None))])
    finest = pixel_clusters(codes, torch.from_numpy(own.centres).float(), few.shape[1:])
    warm = np.array([0, 0, 1])
    for row in rows:
        level = {3: 0, 6: 1, 12: 2}[row["clusters"]]
        coarse = own.labels[level][finest]
        true = few if row["classes"] == 3 else warm[few]
        counts = PixelConfusion(row["classes"], int(coarse.max()) + 1)
        counts.update(coarse, true)
        assert row["mean_iou"]["learned"] == pytest.approx(matched_iou(counts.counts).mean_iou, abs=5e-3)
        assert set(row["mean_iou"]) == {"learned", "merged", "kmeans", "shhc"} | (
            {"heads"} if level < 2 else set()
        )


def test_levels_of_classes():
    found = class_levels(TAXONOMY, CLASS_NODES)
    assert [group.tolist() for _, group in found] == [[0, 1, 2], [0, 0, 1]]
    assert [names for names, _ in found] == [["warm/red", "warm/yellow", "blue"], ["warm", "blue"]]


def test_clusters_can_be_matched_with_groups_of_classes(runs):
    figures = evaluate(runs["kmeans"], to_judge(), PROTOCOLS["strict"], level=1)
    assert figures["n_classes"] == 2 and figures["iou"].keys() == {"warm", "blue"}
    at_two = next(row for row in figures["levels"] if (row["clusters"], row["classes"]) == (3, 2))
    assert figures["mean_iou"] == pytest.approx(at_two["mean_iou"]["kmeans"], abs=0.05)
    with pytest.raises(ValueError, match="level must be below 2"):
        evaluate(runs["kmeans"], to_judge(), PROTOCOLS["strict"], level=2)


def test_void_pixels_do_not_count_and_all_void_cannot_be_judged(runs):
    samples = to_judge()
    masks = samples.masks.read(slice(None)).copy()
    masks[:, :, :40] = VOID
    half = MaskedSet(samples.images, MaskRows.of_classes(masks), TAXONOMY, CLASS_NODES, samples.ids)
    wrong = masks.copy()
    whole = evaluate(runs["kmeans"], half, PROTOCOLS["strict"], levels=False)
    assert whole["accuracy"] != evaluate(runs["kmeans"], samples, PROTOCOLS["strict"])["accuracy"]
    wrong[:] = VOID
    none = MaskedSet(samples.images, MaskRows.of_classes(wrong), TAXONOMY, CLASS_NODES, samples.ids)
    with pytest.raises(ValueError, match="every true pixel is void"):
        evaluate(runs["kmeans"], none, PROTOCOLS["strict"])


def test_images_whose_sides_are_no_multiples_of_a_patch(runs):
    samples = to_judge(size=(61, 83))
    assert isinstance(samples.images, ImageRows)
    assert evaluate(runs["kmeans"], samples, PROTOCOLS["strict"])["accuracy"] > 0.8


def test_the_command_says_what_was_judged(runs, tmp_path):
    from PIL import Image

    samples = to_judge()
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for row, name in enumerate(samples.ids):
        picture = samples.images.read([row])[0].transpose(1, 2, 0)
        Image.fromarray(picture).save(tmp_path / "images" / name)
        Image.fromarray(samples.masks.read([row])[0]).save(tmp_path / "masks" / name)
    source = SYSTEM.source()(masks=str(tmp_path / "masks"), classes=["red", "yellow", "blue"])
    told = SYSTEM.evaluate(runs["kmeans"], str(tmp_path / "images"), source)
    assert told.figures["data"] == str(tmp_path / "images") and told.figures["n_samples"] == len(samples)
    assert "protocol strict" in told.shown[0].lines[0] and "crf" not in told.figures
    refined = SYSTEM.evaluate(runs["kmeans"], str(tmp_path / "images"), source, protocol="stego")
    assert [row[0] for row in refined.shown[0].rows] == ["clusters", "after the random field"]
    with pytest.raises(ValueError, match="judging needs masks"):
        SYSTEM.evaluate(runs["kmeans"], str(tmp_path / "images"), SYSTEM.source()())


def test_an_unknown_protocol():
    with pytest.raises(ValueError, match="--protocol takes one of strict, stego, hp, smooseg, got 'best'"):
        protocol_of("best")
