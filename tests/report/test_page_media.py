"""Thumbnails and sounds, made of real files, hostile names and damaged ones among them."""

import io
import wave

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from generated_media import write_media
from hyperclade.report import Media, Outcome
from hyperclade.report import media as module
from hyperclade.report.media import media_of, standing_first
from hyperclade.trees import Tree


def star(ids, **about):
    n = len(ids)
    return Outcome(Tree([n] * n + [-1]), ids=np.array(ids, dtype=object), **about)


def made(source, outcome):
    lines = []
    items = list(Media(source).of(outcome, say=lines.append))
    return {(item.kind, outcome.ids[item.leaf]): item for item in items}, lines


def opened(item):
    assert item.type == "image/webp"
    return Image.open(io.BytesIO(item.content)).convert("RGB")


def save(path, colour, size=(300, 200), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    save(folder / "red.png", "red")
    save(folder / "deep" / "blue.jpg", "blue", size=(4000, 3000))
    save(folder / "tiny.png", "lime", size=(3, 2))
    see_through = Image.new("RGBA", (100, 50), (0, 0, 0, 0))
    see_through.save(folder / "glass.png")
    turned = Image.new("RGB", (200, 100), "red")
    turned.paste("blue", (100, 0, 200, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    turned.save(folder / "turned.jpg", exif=exif, quality=95)
    whole = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(whole, "JPEG")
    (folder / "torn.jpg").write_bytes(whole.getvalue()[:4000])
    (folder / "words.png").write_text("no image")
    (folder / "empty.png").touch()
    return folder


def test_images_become_thumbnails(photos):
    found, lines = made(photos, star(["red.png", "deep/blue.jpg", "tiny.png", "glass.png", "turned.jpg"]))
    sizes = {key[1]: opened(item).size for key, item in found.items()}
    assert sizes == {
        "red.png": (128, 85), "deep/blue.jpg": (128, 96), "tiny.png": (3, 2), "glass.png": (100, 50),
        "turned.jpg": (64, 128),
    }  # fmt: skip
    colour = {key[1]: opened(item).getpixel((1, 1)) for key, item in found.items()}
    near = {
        "red.png": (255, 0, 0),
        "deep/blue.jpg": (0, 0, 255),
        "glass.png": (255,) * 3,
        "turned.jpg": (255, 0, 0),
    }
    for name, expected in near.items():
        assert np.abs(np.subtract(colour[name], expected)).max() < 16, name
    assert opened(found["image", "turned.jpg"]).getpixel((32, 120))[2] > 230
    assert lines == ["5 thumbnails of 5 samples, those that stand for large nodes first"]


def test_what_cannot_be_read_is_named_with_its_reason(photos):
    found, lines = made(photos, star(["torn.jpg", "words.png", "empty.png", "red.png", "gone.png"]))
    assert list(found) == [("image", "red.png")]
    text = "\n".join(lines)
    assert "3 files of samples skipped:" in text and "words.png: not an image that Pillow knows" in text
    assert "torn.jpg: " in text and "empty.png: " in text


def test_ids_are_paths_with_or_without_extension_or_names_that_are_unique(photos):
    save(photos / "other" / "red.png", "black")
    save(photos / "other" / "sole.png", "white")
    found, _ = made(photos, star(["red", "deep/blue", "sole.png", "sole", "blue", "other/red", "ed"]))
    assert {key[1] for key in found} == {"red", "deep/blue", "sole.png", "sole", "blue", "other/red"}
    assert opened(found["image", "red"]).getpixel((1, 1))[0] > 230
    assert opened(found["image", "other/red"]).getpixel((1, 1))[0] < 30


def test_no_id_leads_out_of_the_folder(photos, tmp_path):
    save(tmp_path / "secret.png", "red")
    save(photos / ".hidden" / "x.png", "red")
    ids = [
        str(tmp_path / "secret.png"), "../secret.png", "deep/../../secret.png", "..", ".", "/", "", "\0", "~",
        "secret.png", "file:///etc/passwd", "deep", ".hidden/x.png", "..\\secret.png", "x" * 5000,
    ]  # fmt: skip
    found, lines = made(photos, star(ids))
    assert not found and lines == [f"no thumbnails or sounds: no sample's id is that of a file in {photos}"]


def test_sounds_and_clips(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8 * 44100) / 44100)
    write_media(tmp_path / "tone.wav", video_codec=None, audio_codec="pcm_s16le", sound=tone)
    write_media(tmp_path / "clip.mp4", seconds=3.0)
    write_media(tmp_path / "silent.mp4", audio_codec=None, seconds=0.5)
    (tmp_path / "torn.wav").write_bytes((tmp_path / "tone.wav").read_bytes()[:30])
    found, lines = made(tmp_path, star(["tone", "clip.mp4", "silent.mp4", "torn.wav"]))
    assert set(found) == {
        ("sound", "tone"), ("sound", "clip.mp4"), ("image", "clip.mp4"), ("image", "silent.mp4"),
    }  # fmt: skip
    assert opened(found["image", "clip.mp4"]).size == (96, 64)
    assert any("torn.wav: " in line for line in lines)
    assert lines[0] == "2 thumbnails and 2 sounds of 4 samples, those that stand for large nodes first"
    item = found["sound", "tone"]
    assert item.type == "audio/mpeg" and len(item.content) < 40_000
    heard, rate = heard_in(item.content)
    assert 4.9 < len(heard) / rate < 5.3
    spectrum = np.abs(np.fft.rfft(heard[: 4 * rate]))
    assert abs(spectrum.argmax() / 4 - 440) < 2 and 0.4 < np.abs(heard).max() < 0.65
    heard, rate = heard_in(found["sound", "clip.mp4"].content)
    assert abs(np.flatnonzero(np.abs(heard) > 0.1)[0] / rate - 1.5) < 0.1  # where its burst is


def heard_in(content):
    with av.open(io.BytesIO(content)) as file:
        frames = list(file.decode(audio=0))
        assert frames[0].layout.name == "mono"
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]), frames[0].sample_rate


def test_without_an_encoder_sounds_are_wav(tmp_path, monkeypatch):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    write_media(tmp_path / "tone.wav", video_codec=None, audio_codec="pcm_s16le", sound=tone)
    monkeypatch.setattr(av, "codecs_available", {"pcm_s16le"})
    found, _ = made(tmp_path, star(["tone.wav"]))
    item = found["sound", "tone.wav"]
    with wave.open(io.BytesIO(item.content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
        assert file.getnframes() == 16000
    assert item.type == "audio/wav"


def test_without_av_images_remain_and_it_is_said(photos, monkeypatch):
    (photos / "x.wav").touch()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    found, lines = made(photos, star(["red.png", "x.wav"]))
    assert list(found) == [("image", "red.png")]
    assert lines[0].startswith("1 file of sounds and clips left out: reading them needs av: pip install")


def encoded(colour):
    file = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("with_ids", [True, False])
def test_image_tables_are_read_by_ids_or_numbers_of_rows(tmp_path, with_ids):
    images = [encoded(colour) for colour in ("red", "lime", "blue", "white")] + [b"none", None]
    columns = {"image": images} | ({"id": [f"id{k}" for k in range(6)]} if with_ids else {})
    pq.write_table(pa.table(columns), tmp_path / "x.parquet", row_group_size=2)
    ids = ["id2", "id0", "id4", "other"] if with_ids else [2, 0, 4, 77]
    found, lines = made(tmp_path / "x.parquet", star(ids))
    assert set(found) == {("image", ids[0]), ("image", ids[1])}
    assert opened(found["image", ids[0]]).getpixel((5, 5))[2] > 230
    assert opened(found["image", ids[1]]).getpixel((5, 5))[0] > 230
    assert any(f"{ids[2]}: not an image" in line for line in lines)


def test_those_that_stand_for_large_nodes_come_first(photos, monkeypatch):
    tree = Tree([8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, -1])
    about = {"exemplars": {8: [1], 14: [7, 2]}, "borderline": {12: [0], 14: [5], 9: [2]}}
    outcome = Outcome(tree, **about)
    order = standing_first(outcome).tolist()
    assert order[:5] == [7, 2, 5, 0, 1] and sorted(order) == list(range(8))
    for k in range(8):
        save(photos / f"{k}.png", "red")
    monkeypatch.setattr(module, "_KINDS", (("image", 3, "thumbnail"), ("sound", 1, "sound")))
    lines = []
    found = [item.leaf for item in Media(photos).of(outcome, say=lines.append)]
    assert found == [7, 2, 5]
    assert lines == ["3 thumbnails of 8 samples, those that stand for large nodes first"]
    (photos / "2.png").write_text("torn")  # the next takes its place
    assert [item.leaf for item in Media(photos).of(outcome)] == [7, 5, 0]


def test_what_holds_no_media_is_refused_or_told(tmp_path):
    with pytest.raises(ValueError, match="no data"):
        Media(tmp_path / "gone")
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    with pytest.raises(ValueError, match="no folder of media"):
        Media(tmp_path / "x.npy")
    lines = []
    assert media_of(str(tmp_path / "gone"), lines.append) is None
    assert lines == [
        f"no media: {tmp_path / 'gone'} is not to be read any more; --media says where the samples are"
    ]
    assert media_of(str(tmp_path / "x.npy"), lines.append) is None and len(lines) == 1
    for nothing in (None, 3, ["x"], "bundled nouns"):
        assert media_of(nothing, lines.append) is None
    assert len(lines) == 1 and media_of(str(tmp_path)).source == tmp_path
