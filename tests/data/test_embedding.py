"""Embedding files: what comes out, what is skipped, and that an interrupted run continues."""

import hashlib
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyperclade.data.embedding import embed_to_file
from hyperclade.data.features import read_features

Image = pytest.importorskip("PIL.Image")


class Colours:
    """Stands in for a network: mean colour, or length of a text. Fails after `fail_after` batches."""

    def __init__(self, kind="image", fail_after=10**9, name="colours"):
        self.kind, self.name, self.fail_after, self.n_batches = kind, name, fail_after, 0
        self.dim = 3 if kind == "image" else 1

    def encode_images(self, images):
        self._count()
        return np.array([np.asarray(i).mean(axis=(0, 1)) for i in images], dtype=np.float32).reshape(-1, 3)

    def encode_texts(self, texts):
        self._count()
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    def _count(self):
        if self.n_batches >= self.fail_after:
            raise KeyboardInterrupt
        self.n_batches += 1


def colour_of(k):
    return (10 * k, 255 - 5 * k, k)


@pytest.fixture
def folder(tmp_path):
    for k in range(11):
        path = tmp_path / "pictures" / ("even" if k % 2 == 0 else "odd") / f"{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), colour_of(k)).save(path)
    (tmp_path / "pictures" / "even" / "04.png").write_text("broken")
    return tmp_path / "pictures"


GOOD = [k for k in range(0, 11, 2) if k != 4] + list(range(1, 11, 2))  # in order of their paths


def check_features(path):
    table = read_features(path)
    np.testing.assert_array_equal(
        np.asarray(table.features), np.array([colour_of(k) for k in GOOD], np.float32)
    )
    assert table.features.dtype == np.float32 or path.suffix == ".csv"
    assert table.ids.tolist() == [f"{'odd' if k % 2 else 'even'}/{k:02d}.png" for k in GOOD]
    assert table.labels.tolist() == ["odd" if k % 2 else "even" for k in GOOD]
    assert table.names.tolist() == [f"{k:02d}" for k in GOOD]


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
def test_folder_of_images(folder, tmp_path, suffix):
    out = tmp_path / "new" / f"out{suffix}"
    seen = []
    summary = embed_to_file(
        folder, out, Colours(), batch_size=4, progress=lambda stage, fraction: seen.append((stage, fraction))
    )
    assert seen == [("embedding", k / 3) for k in range(4)]
    check_features(out)
    assert (summary.n_rows, summary.dim, summary.n_resumed) == (10, 3, 0)
    assert summary.skipped == [("even/04.png", "not an image that Pillow knows")]
    skipped = out.with_name(out.name + ".skipped.csv")
    assert summary.skipped_list == skipped
    assert skipped.read_text() == "id,reason\neven/04.png,not an image that Pillow knows\n"
    expected = {out.name, skipped.name} | ({"out.rows.parquet"} if suffix == ".npy" else set())
    assert set(os.listdir(out.parent)) == expected


@pytest.mark.parametrize("fail_after", [0, 1, 2])
def test_interrupted_run_continues(folder, tmp_path, fail_after):
    out = tmp_path / "out.npy"
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(folder, out, Colours(fail_after=fail_after), batch_size=4)
    assert not out.exists()
    encoder = Colours()
    summary = embed_to_file(folder, out, encoder, batch_size=4)
    assert encoder.n_batches == 3 - fail_after  # finished batches are not computed again
    assert summary.n_resumed == [0, 3, 7][fail_after]
    assert [key for key, _ in summary.skipped] == ["even/04.png"]
    check_features(out)
    embed_to_file(folder, tmp_path / "straight.npy", Colours(), batch_size=4)
    assert (tmp_path / "straight.npy").read_bytes() == out.read_bytes()
    assert not (tmp_path / "out.npy.partial").exists()


def test_run_killed_at_the_very_end_continues(folder, tmp_path, monkeypatch):
    out = tmp_path / "out.npz"
    with monkeypatch.context() as patch:
        patch.setattr(
            "hyperclade.data.features.np.savez", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full"))
        )
        with pytest.raises(OSError, match="disk full"):
            embed_to_file(folder, out, Colours(), batch_size=4)
    assert not out.exists()
    encoder = Colours()
    embed_to_file(folder, out, encoder, batch_size=4)
    check_features(out)


def test_other_input_or_encoder_is_not_continued(folder, tmp_path):
    out = tmp_path / "out.npy"

    def attempt(encoder, batch_size=4):
        return embed_to_file(folder, out, encoder, batch_size=batch_size)

    with pytest.raises(KeyboardInterrupt):
        attempt(Colours(fail_after=1))
    with pytest.raises(ValueError, match="another encoder; continue"):
        attempt(Colours(name="other"))
    with pytest.raises(ValueError, match="another batch_size"):
        attempt(Colours(), batch_size=5)
    Image.new("RGB", (4, 4)).save(folder / "odd" / "11.png")
    with pytest.raises(ValueError, match="another input"):
        attempt(Colours())
    (folder / "odd" / "11.png").unlink()
    attempt(Colours())
    check_features(out)


def test_a_run_of_the_version_before_goes_on(folder, tmp_path, monkeypatch):
    """Its manifest has no end of line, and the same entries."""
    out = tmp_path / "out.npy"
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(folder, out, Colours(fail_after=2), batch_size=4)
    manifest = tmp_path / "out.npy.partial" / "manifest.json"
    found = json.loads(manifest.read_text())
    assert list(found) == ["format", "input", "columns", "encoder", "encoder files", "batch_size"]
    assert list(found["columns"]) == ["image", "label", "name", "id"]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.png"), key=lambda path: path.as_posix()):
        status = path.stat()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    assert found["input"] == digest.hexdigest()
    manifest.write_text(json.dumps(found, indent=1))
    assert embed_to_file(folder, out, Colours(), batch_size=4).n_resumed == 7


def test_existing_output_is_kept_unless_asked(folder, tmp_path):
    out = tmp_path / "out.npy"
    out.write_text("precious")
    with pytest.raises(ValueError, match="exists already"):
        embed_to_file(folder, out, Colours())
    assert out.read_text() == "precious"
    embed_to_file(folder, out, Colours(), overwrite=True)
    check_features(out)


def test_parquet_of_images(folder, tmp_path):
    rows = [(folder / ("odd" if k % 2 else "even") / f"{k:02d}.png").read_bytes() for k in range(11)]
    table = pa.table(
        {"picture": rows, "label": [k % 2 for k in range(11)], "title": [f"nr {k}" for k in range(11)]}
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=3)
    out = tmp_path / "out.parquet"
    options = {"image_column": "picture", "name_column": "title", "batch_size": 2}
    with pytest.raises(KeyboardInterrupt):
        embed_to_file(tmp_path / "in.parquet", out, Colours(fail_after=3), **options)
    summary = embed_to_file(tmp_path / "in.parquet", out, Colours(), **options)
    assert summary.skipped == [("4", "not an image that Pillow knows")]
    got = read_features(out)
    kept = [k for k in range(11) if k != 4]
    np.testing.assert_array_equal(got.features, [colour_of(k) for k in kept])
    assert got.labels.tolist() == [k % 2 for k in kept]
    assert got.names.tolist() == [f"nr {k}" for k in kept]
    assert got.ids.tolist() == [str(k) for k in kept]
    with pytest.raises(ValueError, match="no column 'image'"):
        embed_to_file(tmp_path / "in.parquet", tmp_path / "x.npy", Colours())


def test_lines_of_text(tmp_path):
    lines = ["a", "", 'bb, "b"', "c" * 300]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n")
    embed_to_file(tmp_path / "in.txt", tmp_path / "out.npy", Colours("text"), batch_size=2)
    table = read_features(tmp_path / "out.npy")
    assert table.features.ravel().tolist() == [1, 7, 300]
    assert table.ids.tolist() == [1, 3, 4]
    assert table.names.tolist() == ["a", 'bb, "b"', "c" * 200]
    assert table.labels is None


def test_rows_that_are_not_finite_are_skipped(folder, tmp_path):
    class Overflowing(Colours):
        def encode_images(self, images):
            features = super().encode_images(images)
            features[features[:, 2] == 7, 1] = np.inf
            return features

    summary = embed_to_file(folder, tmp_path / "out.npy", Overflowing())
    assert ("odd/07.png", "the encoder gave NaN or infinity") in summary.skipped
    assert "odd/07.png" not in read_features(tmp_path / "out.npy").ids


def test_nothing_readable_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").write_text("broken")
    with pytest.raises(ValueError, match=r"none of the 1 inputs .*x\.png: not an image"):
        embed_to_file(tmp_path / "in", tmp_path / "out.npy", Colours())
    assert os.listdir(tmp_path) == ["in"]


@pytest.mark.parametrize(
    ("input", "out", "options", "match"),
    [
        ("absent", "out.npy", {}, "no data .*absent.*: give a folder of images"),
        ("pictures", "out.txt", {}, r"unknown feature format '\.txt'"),
        ("pictures", "out.npy", {"batch_size": 0}, "batch_size"),
        ("pictures/even/04.png", "out.npy", {"encoder": Colours("text")}, None),
    ],
)
def test_faults_are_named(folder, tmp_path, input, out, options, match):
    if match is None:  # a text file by any other name
        embed_to_file(tmp_path / input, tmp_path / out, **options)
        assert read_features(tmp_path / out).names.tolist() == ["broken"]
    else:
        with pytest.raises(ValueError, match=match):
            embed_to_file(tmp_path / input, tmp_path / out, **({"encoder": Colours()} | options))
        assert not (tmp_path / out).exists()
