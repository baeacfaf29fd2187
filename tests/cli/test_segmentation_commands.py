"""`train`, `evaluate` and `predict segmentation` through the command line, on small folders, good and bad."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyperclade.cli import main as entry
from hyperclade.data.mosaics import texture_mosaics
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.learning.painting import read_mask
from small_segmentation import save_vit

pytest.importorskip("pytorch_lightning")

QUIET = ("--device", "cpu", "--no-progress")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Mosaics with masks, a backbone, and a run that learned from the images alone."""
    folder = tmp_path_factory.mktemp("segmentation")
    mosaics = texture_mosaics(8, size=(80, 80))
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    images = mosaics.images.read(slice(None)).transpose(0, 2, 3, 1)
    for k, (image, mask) in enumerate(zip(images, mosaics.masks.read(slice(None)), strict=True)):
        Image.fromarray(image).save(folder / "images" / f"{k}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{k}.png")
    leaves = [mosaics.taxonomy.names[leaf] for leaf in mosaics.taxonomy.leaves]
    (folder / "tree.csv").write_text("\n".join(["path", *leaves]) + "\n")
    save_vit(folder / "vit", patch=16)
    assert train(folder, "--out", folder / "run") == 0
    return folder


def train(folder, *arguments):
    short = (
        *("--config", "stego", "--config", "omh", "--method.n_clusters", "4", "--training.epochs", "2"),
        *("--method.settings.n_code", "6", "--training.batch_size", "4", "--training.side", "32"),
        *("--backbone.name", folder / "vit", "--data", folder / "images", *QUIET),
    )
    return entry.main(["train", "segmentation", *map(str, (*short, *arguments))])


def predict(folder, inputs, out, *arguments):
    given = ("predict", "segmentation", folder / "run", inputs, "--out", out, *QUIET, *arguments)
    return entry.main([*map(str, given)])


def judged(folder):
    return ("--source.masks", folder / "masks", "--source.taxonomy", folder / "tree.csv")


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_keeps_no_features_and_is_finished_then(folder, capsys):
    assert {path.name for path in (folder / "run").iterdir()} == {
        "model.ckpt", "recipe.json", "history.jsonl",
    }  # fmt: skip
    assert train(folder, "--out", folder / "run") == 0
    told = capsys.readouterr().out
    assert "8 images by" in told and "OMH at 4, 8, 16" in told and "finished already" in told


def test_segments_are_judged_by_masks(folder, tmp_path, capsys):
    given = ("--data", folder / "images", *judged(folder), "--out", tmp_path / "f.json", *QUIET)
    assert entry.main(["evaluate", "segmentation", str(folder / "run"), *map(str, given)]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["n_samples"] == 8 and figures["n_classes"] == 24
    assert f"{100 * figures['accuracy']:.2f} %" in capsys.readouterr().out
    assert entry.main(["evaluate", "segmentation", str(folder / "run"), *map(str, given[:2])]) == 2
    assert "judging needs masks" in capsys.readouterr().err


def test_masks_overlays_taxonomy_and_the_tree_of_segments(folder, tmp_path, capsys):
    out = tmp_path / "found"
    assert predict(folder, folder / "images", out) == 0
    told = capsys.readouterr().out
    assert f"Written to {out}: masks of 8 images" in told and "segments in" in told
    names = [".png", ".level-1.png", ".level-2.png", ".level-3.png", ".overlay.png"]
    assert {path.name for path in out.iterdir()} == {
        "clusters.json", "taxonomy.csv", "hierarchy", *(f"{k}{name}" for k in range(8) for name in names),
    }  # fmt: skip
    taxonomy = read_taxonomy(out / "taxonomy.csv")
    legend = json.loads((out / "clusters.json").read_text())["masks"]
    finest = [legend["level-3"][str(k)]["name"] for k in range(len(taxonomy.leaves))]
    assert [taxonomy.names[leaf] for leaf in taxonomy.leaves] == finest
    table = pd.read_parquet(out / "hierarchy" / "assignments.parquet")
    for row in table.itertuples():
        image, cluster = row.id.split("#")
        mask = read_mask(out / f"{image.removesuffix('.png')}.level-3.png")
        assert (mask == int(cluster)).mean() >= 0.005
    assert len(set(table["id"])) == len(table) >= 8

    before = contents(out)
    assert predict(folder, folder / "images", out, "--no_hierarchy") == 0
    assert contents(out) == before
    assert predict(folder, folder / "images", out, "--crf") == 2
    assert "another crf" in capsys.readouterr().err and contents(out) == before


def test_masks_and_their_taxonomy_can_be_judged_by(folder, tmp_path):
    """What was found is read as any masks are: the values of the finest level are the taxonomy's leaves."""
    assert predict(folder, folder / "images", tmp_path / "found", "--no_hierarchy") == 0
    given = ("--source.masks", tmp_path / "found", "--source.taxonomy", tmp_path / "found" / "taxonomy.csv")
    given = ("--data", folder / "images", *given, "--source.mask_ending", ".level-3", *QUIET)
    given = (*given, "--out", tmp_path / "f.json")
    assert entry.main(["evaluate", "segmentation", str(folder / "run"), *map(str, given)]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    taxonomy = read_taxonomy(tmp_path / "found" / "taxonomy.csv")
    assert list(figures["iou"]) == [taxonomy.names[leaf] for leaf in taxonomy.leaves]
    # Each level of the taxonomy is found again by the learned level that it is.
    rows = [(row["classes"], row["mean_iou"]["learned"]) for row in figures["levels"]]
    best = {classes: max(iou for other, iou in rows if other == classes) for classes, _ in rows}
    assert len(best) == 3 and min(best.values()) > 0.95


def test_images_of_all_kinds_keep_their_upright_sizes(folder, tmp_path, capsys):
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (30, 50, 3)).astype(np.uint8))
    (tmp_path / "in").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, image, options in [
        ("grey.png", colour.convert("L"), {}), ("ink.jpg", colour.convert("CMYK"), {}),
        ("turned.jpg", colour, {"exif": turned}), ("small.png", colour.resize((5, 3)), {}),
        ("flat.png", colour.resize((90, 1)), {}), ("dot.png", colour.resize((1, 1)), {}),
    ]:  # fmt: skip
        image.save(tmp_path / "in" / name, **options)
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    assert predict(folder, tmp_path / "in", tmp_path / "out", "--crf") == 0
    assert "1 images skipped:\n  broken.png: not an image" in capsys.readouterr().err
    sizes = {"grey": (30, 50), "ink": (30, 50), "turned": (50, 30), "small": (3, 5), "flat": (1, 90)}
    for name, size in (sizes | {"dot": (1, 1)}).items():
        for ending in ("", ".level-1", ".level-3"):
            assert read_mask(tmp_path / "out" / f"{name}{ending}.png").shape == size
    assert not (tmp_path / "out" / "broken.png").exists()


def test_segments_of_judged_images_have_labels(folder, tmp_path, capsys):
    assert predict(folder, folder / "images", tmp_path / "out", *judged(folder), "--segments", "3") == 0
    summary = json.loads((tmp_path / "out" / "hierarchy" / "summary.json").read_text())
    assert summary["evaluation"]["labelled_rows"] == summary["segments"]
    mask = read_mask(tmp_path / "out" / "0.png")
    assert mask.shape == (320, 320) and mask.max() < 3


@pytest.mark.parametrize(
    ("inputs", "options", "told"),
    [
        ("images", ("--segments", "99"), "segments must be between 1 and"),
        ("images", ("--segments", "2", "--crf"), "leave out segments"),
        ("nowhere", (), "no data"),
        ("tree.csv", (), "tree.csv"),
        ("broken", (), "none of 1 images decodes"),
        ("clash", (), "which is needed"),
    ],
)
def test_bad_inputs_get_one_line_and_write_nothing(folder, inputs, options, told, tmp_path, capsys):
    (folder / "broken").mkdir(exist_ok=True)
    (folder / "broken" / "a.png").write_bytes(b"no image")
    (folder / "clash" / "hierarchy").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 9)).save(folder / "clash" / "hierarchy" / "hierarchy.png")
    assert predict(folder, folder / inputs, tmp_path / "out", *options) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and told in last
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_images_is_left_alone(folder, capsys):
    before = contents(folder / "images")
    assert predict(folder, folder / "images", folder / "images") == 2
    assert "is there already" in capsys.readouterr().err and contents(folder / "images") == before


def test_a_run_of_another_system_is_refused(folder, tmp_path, capsys):
    given = ("predict", "recognition", folder / "run", folder / "images", "--out", tmp_path / "x")
    assert entry.main([*map(str, given)]) == 2
    assert "model.ckpt" in capsys.readouterr().err
