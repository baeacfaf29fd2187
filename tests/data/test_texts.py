"""Lines of text files: blank ones count, faults are named."""

import pytest

from hyperclade.data.texts import text_lines


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
