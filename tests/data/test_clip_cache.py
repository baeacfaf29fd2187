"""The cache of clips: complete, resumable, honest about what it leaves out."""

import multiprocessing
import shutil
import time

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("av")
from generated_media import write_media
from hyperclade.data import clip_cache, media
from hyperclade.data.clip_cache import cache_clips, noted_clips, skipped_clips
from hyperclade.data.clips import read_clip_table
from hyperclade.data.media import read_clip
from hyperclade.data.spectrogram import log_mel

SMALL = {"frame_size": 16, "n_bins": 20}


@pytest.fixture
def decoded(monkeypatch):
    """The paths decoded so far."""
    paths = []

    def counting(path, *args, **kwargs):
        paths.append(path)
        return read_clip(path, *args, **kwargs)

    monkeypatch.setattr(media, "read_clip", counting)
    return paths


def table_of(folder, text):
    path = folder / "clips.csv"
    path.write_text(text)
    return read_clip_table(path)


@pytest.mark.filterwarnings("ignore:.*no label")
def test_the_cache_holds_what_decoding_gives(films, tmp_path):
    steps = []
    table = read_clip_table(films)
    pairs = cache_clips(
        table,
        tmp_path / "cache",
        n_frames=2,
        progress=lambda stage, part: steps.append((stage, part)),
        **SMALL,
    )
    assert len(pairs) == 3
    assert pairs.ids == tuple(f"{path}@0" for path in table["path"][1:])
    assert pairs.labels.tolist() == [-1, 0, 0]
    assert pairs.class_names == ("owls",)
    assert isinstance(pairs.frames, np.memmap)
    batch = pairs.batch([0, 1, 2])
    for k, path in enumerate(table["path"][1:]):
        clip = read_clip(path, n_frames=2, frame_size=16)
        np.testing.assert_array_equal(batch["frames"][k], clip.frames)
        np.testing.assert_allclose(batch["sounds"][k, 0], log_mel(clip.sound, n_bins=20), atol=0.01)
    left_out = skipped_clips(tmp_path / "cache")
    assert left_out["row"].tolist() == [0]
    assert left_out["path"].tolist() == [str(films / "broken.mp4")]
    assert "not a media file" in left_out["reason"][0]
    assert steps[-1] == ("decoding", 1.0)
    assert [part for _, part in steps] == sorted(part for _, part in steps)


@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_stopped_run_goes_on_where_it_was(films, tmp_path, monkeypatch, decoded, n_workers):
    rows = "".join(f"owls/a.mp4,{k / 10},{k / 10 + 1.5},{k % 2}\n" for k in range(12)) + "missing.mp4,0,1,0\n"
    (tmp_path / "clips.csv").write_text("path,start,end,label\n" + rows)
    table = read_clip_table(tmp_path / "clips.csv", folder=films)

    class Stopped(BaseException):
        """As Ctrl-C."""

    def stop(_stage, part):
        if part > 0.4:
            raise Stopped

    with pytest.raises(Stopped):
        cache_clips(table, tmp_path / "cache", n_workers=n_workers, progress=stop, **SMALL)
    first = len(decoded)
    finished = int((np.fromfile(tmp_path / "cache" / "state.bin", np.uint8) != 0).sum())
    assert 6 <= finished < 13
    pairs = cache_clips(table, tmp_path / "cache", n_workers=n_workers, **SMALL)
    assert len(decoded) - first == 13 - finished
    assert len(pairs) == 12
    direct = cache_clips(table, tmp_path / "other", **SMALL)
    np.testing.assert_array_equal(pairs.frames[pairs.frame_rows], direct.frames[direct.frame_rows])
    np.testing.assert_array_equal(pairs.sounds[pairs.sound_rows], direct.sounds[direct.sound_rows])
    assert pairs.labels.tolist() == [k % 2 for k in range(12)]
    before = len(decoded)
    cache_clips(table, tmp_path / "cache", **SMALL)
    assert len(decoded) == before
    shutil.copy(films / "c.mp4", films / "missing.mp4")
    try:
        assert len(cache_clips(table, tmp_path / "cache", retry_skipped=True, **SMALL)) == 13
    finally:
        (films / "missing.mp4").unlink()
    assert len(decoded) == before + 1
    assert not len(skipped_clips(tmp_path / "cache"))


def test_a_killed_run_loses_nothing_it_saved(films, tmp_path, monkeypatch, decoded):
    """The process dies between two savings: rows after the last one are decoded again."""
    table = table_of(films, "path\n" + "owls/a.mp4\n" * 5)
    context = multiprocessing.get_context("fork")
    killed = context.Process(target=_fill_slowly, args=(table, tmp_path / "cache"))
    killed.start()
    state = tmp_path / "cache" / "state.bin"
    patience = time.monotonic() + 20
    while not (state.exists() and (np.fromfile(state, np.uint8) == 1).any()):
        assert time.monotonic() < patience
        time.sleep(0.02)
    killed.kill()
    killed.join()
    finished = int((np.fromfile(state, np.uint8) == 1).sum())
    assert len(cache_clips(table, tmp_path / "cache", **SMALL)) == 5
    assert len(decoded) == 5 - finished


def test_another_table_or_setting_is_refused_or_rebuilt(films, tmp_path, decoded):
    table = table_of(films, "path,start,end,label\nowls/a.mp4,0,2,x\nc.mp4,0,2,y\n")
    cache = tmp_path / "cache"
    cache_clips(table, cache, **SMALL)
    with pytest.raises(
        ValueError, match=r"\(frame_size 16 there, 24 asked\); name another folder by the option cache"
    ):
        cache_clips(table, cache, frame_size=24, n_bins=20)
    moved = table.assign(start=[0.5, 0.0])
    with pytest.raises(ValueError, match="another table"):
        cache_clips(moved, cache, **SMALL)
    assert len(decoded) == 2
    relabelled = cache_clips(table.assign(label=["y", ""]), cache, **SMALL)
    assert relabelled.labels.tolist() == [0, -1]
    assert cache_clips(table.assign(label=""), cache, **SMALL).labels is None
    assert len(decoded) == 2
    assert cache_clips(moved, cache, rebuild=True, frame_size=24, n_bins=20).frames.shape[-1] == 24
    assert len(decoded) == 4


def test_a_cache_moves_with_its_data(films, tmp_path, decoded):
    shutil.copytree(films / "owls", tmp_path / "there" / "owls")
    shutil.copytree(films / "owls", tmp_path / "elsewhere" / "owls")
    cache_clips(read_clip_table(tmp_path / "there"), tmp_path / "cache", **SMALL)
    shutil.move(tmp_path / "cache", tmp_path / "moved")
    assert len(cache_clips(read_clip_table(tmp_path / "elsewhere"), tmp_path / "moved", **SMALL)) == 2
    assert len(decoded) == 2


def test_nothing_readable_says_why(films, tmp_path):
    table = table_of(films, "path\nbroken.mp4\nmissing.mp4\n")
    with pytest.raises(
        ValueError, match=r"none of the 2 clips could be read \(.*not a media file.*no such file"
    ):
        cache_clips(table, tmp_path / "cache", **SMALL)


def test_an_error_of_the_disk_is_raised_and_nothing_lost(films, tmp_path, monkeypatch, decoded):
    table = table_of(films, "path\n" + "owls/a.mp4\n" * 4)
    write = clip_cache._Rows.write

    def full(self, row, values):
        if row == 2:
            raise OSError(28, "No space left on device")
        write(self, row, values)

    with monkeypatch.context() as patch:
        patch.setattr(clip_cache._Rows, "write", full)
        with pytest.raises(OSError, match="No space"):
            cache_clips(table, tmp_path / "cache", n_workers=1, **SMALL)
    before = len(decoded)
    assert len(cache_clips(table, tmp_path / "cache", **SMALL)) == 4
    assert len(decoded) - before <= 2


def test_a_cache_that_may_not_be_written_names_the_way_out(films, tmp_path, monkeypatch):
    table = table_of(films, "path\nc.mp4\n")
    done = tmp_path / "done"
    cache_clips(table, done, **SMALL)
    (tmp_path / "file").touch()
    message = r"cannot be written \(%s\): name a folder for it by the option cache"
    with pytest.raises(ValueError, match=message % "Not a directory"):
        cache_clips(table, tmp_path / "file" / "cache", **SMALL)
    real = open

    def refuse(path, mode="r", *args, **kwargs):
        if mode[:1] != "r" or "+" in mode:
            raise OSError(30, "Read-only file system", str(path))
        return real(path, mode, *args, **kwargs)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ValueError, match=message % "Read-only file system"):
        cache_clips(table, tmp_path / "cache", **SMALL)
    assert len(cache_clips(table, done, **SMALL)) == 1  # nothing is left to write


def test_files_that_may_not_be_opened_are_skipped(films, tmp_path):
    table = table_of(films, f"path\nc.mp4\n{'x' * 300}.mp4\n")  # no file system takes such a name
    cache_clips(table, tmp_path / "cache", **SMALL)
    assert "cannot be opened" in skipped_clips(tmp_path / "cache")["reason"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_frames": 0}, "n_frames"),
        ({"frame_size": 0}, "frame_size"),
        ({"window": 0.001}, "less than a window"),
        ({"n_bins": 0}, "n_bins"),
        ({"n_workers": 0}, "n_workers"),
    ],
)
def test_settings_without_sense(films, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        cache_clips(table_of(films, "path\nc.mp4\n"), tmp_path / "cache", **arguments)
    assert not (tmp_path / "cache").exists()


def test_tables_without_sense(tmp_path):
    good = pd.DataFrame({"path": ["a"], "start": [0.0], "end": [1.0], "label": [""]})
    for table, message in [
        (good.drop(columns="end"), "end lacking"),
        (good.iloc[:0], "empty"),
        (good.assign(start="x"), "must hold seconds"),
        (good.assign(start=2.0), "beyond their starts"),
    ]:
        with pytest.raises(ValueError, match=message):
            cache_clips(table, tmp_path / "cache")
    with pytest.raises(ValueError, match="no cache of clips"):
        skipped_clips(tmp_path)


def test_silent_and_still_clips_are_kept_and_named(tmp_path, decoded):
    odd = tmp_path / "odd"
    odd.mkdir()
    hum = 0.5 * np.sin(np.arange(2 * 44100) * 0.1)
    made = {"a": (hum, None), "b": (0 * hum, None), "c": (hum, 100), "d": (5e-5 * hum, 100)}
    for name, (sound, grey) in made.items():
        picture = None if grey is None else np.full((32, 32, 3), grey, np.uint8)
        write_media(
            odd / f"{name}.mkv", seconds=2.0, size=(32, 32), sound=sound, picture=picture, audio_codec="flac"
        )
    table = read_clip_table(odd)

    def stop(_stage, part):
        if part > 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache_clips(table, tmp_path / "cache", n_frames=3, n_workers=1, progress=stop, **SMALL)
    for _ in range(2):  # the run that goes on, and one that finds all decoded
        assert len(cache_clips(table, tmp_path / "cache", n_frames=3, **SMALL)) == 4
        noted = noted_clips(tmp_path / "cache")
        assert noted["reason"].tolist() == ["silent", "still", "silent and still"]
        assert noted["path"].tolist() == [str(odd / f"{name}.mkv") for name in "bcd"]
    assert len(decoded) <= 5 and not len(skipped_clips(tmp_path / "cache"))
    cache_clips(table, tmp_path / "single", **SMALL)  # one picture is no still
    assert noted_clips(tmp_path / "single")["reason"].tolist() == ["silent", "silent"]
    (tmp_path / "single" / "noted.csv").unlink()  # as an older version has it
    assert len(cache_clips(table, tmp_path / "single", **SMALL)) == 4
    assert not len(noted_clips(tmp_path / "single"))


def _fill_slowly(table, cache):
    clip_cache._CHECKPOINT_SECONDS = 0.0
    cache_clips(table, cache, n_workers=1, progress=lambda stage, part: time.sleep(0.3), **SMALL)
