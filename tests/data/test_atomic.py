"""Nothing half-written is ever seen under the final name."""

import os

import pytest

from hyperclade.data.atomic import atomic_directory, atomic_write


def test_old_content_stays_until_the_end_and_after_an_error(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path, "w") as file:
        file.write("half")
        file.flush()
        assert path.read_text() == "old"
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]
    with atomic_write(path, "w") as file:
        file.write("new\n")
    assert path.read_bytes() == b"new\n"
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.parametrize(("function", "made"), [("open", atomic_write), ("mkdir", atomic_directory)])
def test_an_interruption_right_after_the_temporary_one_is_made_removes_it(
    function, made, tmp_path, monkeypatch
):
    make = getattr(os, function)

    def interrupted(*arguments):
        make(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, function, interrupted)
    with pytest.raises(KeyboardInterrupt), made(tmp_path / "target"):
        pass
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


def test_permissions_are_those_of_a_plain_open(tmp_path):
    with open(tmp_path / "plain", "wb"), atomic_write(tmp_path / "atomic"):
        pass
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "atomic").chmod(0o640)
    with atomic_write(tmp_path / "atomic"):
        pass
    assert (tmp_path / "atomic").stat().st_mode & 0o777 == 0o640


def test_unusable_targets_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder"), atomic_write(tmp_path):
        pass
    with pytest.raises(ValueError, match="mode"), atomic_write(tmp_path / "x", "a"):
        pass
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "absent" / "x"):
        pass


def test_directory_appears_complete_or_not_at_all(tmp_path):
    target = tmp_path / "a" / "run"
    with pytest.raises(RuntimeError), atomic_directory(target) as folder:
        (folder / "x").write_text("half")
        assert not target.exists()
        raise RuntimeError
    assert os.listdir(tmp_path / "a") == []
    with atomic_directory(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "x").write_text("whole")
    assert (target / "deep" / "x").read_text() == "whole"
    (tmp_path / "plain").mkdir()
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_filled_directory_is_replaced_only_on_request(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    with atomic_directory(target) as folder:  # an empty one may be filled
        (folder / "x").write_text("1")
    with pytest.raises(ValueError, match="holds files already"), atomic_directory(target):
        pass
    with pytest.raises(RuntimeError), atomic_directory(target, overwrite=True):
        raise RuntimeError
    assert (target / "x").read_text() == "1"
    with atomic_directory(target, overwrite=True) as folder:
        (folder / "y").write_text("2")
    assert os.listdir(target) == ["y"]
    assert os.listdir(tmp_path) == ["run"]
    with pytest.raises(ValueError, match="is a file"), atomic_directory(target / "y"):
        pass
