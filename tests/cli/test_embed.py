"""The command that embeds: what it asks of the library, and what it prints."""

import json

import numpy as np
import pytest

from hyperclade.cli.embed import embed
from hyperclade.data.features import read_features

Image = pytest.importorskip("PIL.Image")


class Means:
    """Stands in for a network: mean colour. Stopped after `stop_after` batches."""

    name, dim = "means", 3

    def __init__(self, stop_after=10**9):
        self.left = stop_after

    def encode_images(self, images):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return np.array([np.asarray(image).mean(axis=(0, 1)) for image in images], dtype=np.float32)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pictures").mkdir()
    for k in range(11):
        Image.new("RGB", (4, 4), (k, 0, 9)).save(tmp_path / "pictures" / f"{k:02d}.png")
    (tmp_path / "pictures" / "04.png").write_text("broken")
    return tmp_path / "pictures"


def test_it_prints_what_it_did(folder, tmp_path, monkeypatch, capsys):
    loaded = []

    def load(name, device, kind):
        loaded.append((name, device, kind))
        return Means()

    monkeypatch.setattr("hyperclade.encoders.pretrained.load_encoder", load)
    embed(str(folder), str(tmp_path / "out.npy"), batch_size=4)
    assert loaded == [("efficientnet-lite0", "auto", "image")]
    printed = capsys.readouterr()
    assert printed.out == f"10 rows × 3 by means → {tmp_path / 'out.npy'}\n"
    assert printed.err == (
        f"1 skipped, listed in {tmp_path / 'out.npy.skipped.csv'}:\n"
        "  04.png: not an image that Pillow knows\n"
    )
    assert read_features(tmp_path / "out.npy").features[:, 0].tolist() == [k for k in range(11) if k != 4]


def test_it_tells_how_to_continue_and_does(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hyperclade.encoders.pretrained.load_encoder", lambda *a, **k: Means(stop_after=1))
    with pytest.raises(KeyboardInterrupt):
        embed(str(folder), str(tmp_path / "out.npy"), batch_size=4)
    assert "run again to continue" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "out.npy.partial" / "manifest.json").read_text())
    assert manifest["encoder"] == "efficientnet-lite0"
    monkeypatch.setattr("hyperclade.encoders.pretrained.load_encoder", lambda *a, **k: Means())
    embed(str(folder), str(tmp_path / "out.npy"), batch_size=4)
    assert "10 rows × 3 by means, 4 of them from the interrupted run" in capsys.readouterr().out


def test_help_of_the_command(capsys):
    jsonargparse = pytest.importorskip("jsonargparse")
    with pytest.raises(SystemExit):
        jsonargparse.auto_cli(embed, args=["--help"])
    printed = capsys.readouterr().out
    assert "Folder of images" in printed
    assert "--batch_size" in printed
