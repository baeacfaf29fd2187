"""Media files that several tests read."""

import pytest


@pytest.fixture(scope="package")
def films(tmp_path_factory):
    pytest.importorskip("av")  # the core alone has none
    from generated_media import write_media

    folder = tmp_path_factory.mktemp("films")
    (folder / "owls").mkdir()
    write_media(folder / "owls" / "a.mp4", seconds=3.0, size=(32, 32))
    write_media(folder / "owls" / "b.mkv", seconds=2.0, size=(32, 32), burst=0.9, audio_codec="flac")
    write_media(folder / "c.mp4", seconds=2.5, size=(48, 32), burst=1.2)
    (folder / "broken.mp4").write_bytes(b"no film" * 100)
    (folder / "notes.txt").write_text("no media")
    (folder / ".hidden.mp4").touch()
    return folder
