"""Lines of text files: blank ones count, faults are named."""

import pytest

from hyperclade.data.texts import listed_words, text_lines


def test_text_lines_skip_blanks_and_keep_numbers(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes("\ufefffirst\r\n\n  zweite Zeile ☃ \n".encode())
    assert text_lines(path) == (["first", "zweite Zeile ☃"], [1, 3])
    path.write_text(" \n\n")
    with pytest.raises(ValueError, match="no text"):
        text_lines(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not UTF-8"):
        text_lines(path)
    with pytest.raises(ValueError, match="not a readable text file"):
        text_lines(tmp_path)


def test_words_are_listed_or_in_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("scan\n\n Foto \nnone\n", encoding="utf-8")
    assert listed_words(str(path)) == ["scan", "Foto", "none"]
    assert listed_words("scan, Foto ,,none") == ["scan", "Foto", "none"]
    assert listed_words("none") == ["none"] and listed_words("scan") == ["scan"]
    assert listed_words("the of " * 200) == [("the of " * 200).strip()]  # longer than a file's name may be
    for absent in (tmp_path / "absent.txt", tmp_path / "absent"):
        with pytest.raises(ValueError, match=r"absent.*: no such file; give words with commas"):
            listed_words(str(absent))
    for empty in ("", " , "):
        with pytest.raises(ValueError, match="holds no word"):
            listed_words(empty)
    path.write_text("\n")
    with pytest.raises(ValueError, match=r"words\.txt holds no word"):
        listed_words(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not UTF-8"):
        listed_words(str(path))
