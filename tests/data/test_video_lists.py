"""The lists of VGGSound and AudioSet as they are published, with some of their files."""

import numpy as np
import pytest

from hyperclade.data.clips import read_clip_table

IDS = ("---g-f_I2yQ", "--0PQM4-hqg", "-0_abcDEF12", "AbCdEfGhIjK")
VGGSOUND = f"""{IDS[0]},1,"people marching",test
{IDS[1]},30,"playing, violin",train
{IDS[2]},110,waterfall burbling,train
{IDS[3]},0,people marching,test
"""
AUDIOSET = f"""# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=4
# YTID, start_seconds, end_seconds, positive_labels
{IDS[0]}, 30.000, 40.000, "/m/068hy,/m/07q6cd_"
{IDS[1]}, 0.000, 8.500, "/m/09x0r"
{IDS[2]}, 21.000, 31.000, "/t/dd00088"
"""
NAMES = 'index,mid,display_name\n0,/m/09x0r,"Speech, talk"\n1,/m/068hy,"Domestic animals, pets"\n'


@pytest.fixture
def folder(tmp_path):
    """Clips and videos of the lists: of the first as a clip, the second whole, the others none."""
    (tmp_path / "video").mkdir()
    for name in (f"{IDS[0]}_000001.mkv", f"{IDS[0]}_000030.mkv", f"{IDS[1]}.mp4", "another.mp4"):
        (tmp_path / "video" / name).touch()
    (tmp_path / "vggsound.csv").write_text(VGGSOUND)
    (tmp_path / "eval_segments.csv").write_text(AUDIOSET)
    return tmp_path


def test_vggsound(folder):
    table = read_clip_table(folder / "vggsound.csv")
    names = [f"{IDS[0]}_000001.mkv", f"{IDS[1]}.mp4", f"{IDS[2]}_000110.mkv", f"{IDS[3]}_000000.mkv"]
    assert table["path"].tolist() == [str(folder / "video" / name) for name in names]
    assert table["start"].tolist() == [0, 30, 0, 0]
    np.testing.assert_array_equal(table["end"], [np.nan, 40, np.nan, np.nan])
    assert table["label"].tolist() == [
        "people marching", "playing, violin", "waterfall burbling", "people marching",
    ]  # fmt: skip
    train, test = (read_clip_table(folder / "vggsound.csv", split=split) for split in ("train", "test"))
    assert train["label"].tolist() == ["playing, violin", "waterfall burbling"]
    assert train["path"][1] == str(folder / "video" / f"{IDS[2]}.mp4")  # as the first of these clips is there
    assert test["path"].tolist() == [table["path"][0], table["path"][3]]


def test_audioset(folder):
    with pytest.warns(UserWarning, match="1 of 3 clips have several labels; the first"):
        table = read_clip_table(folder / "eval_segments.csv", split="train")  # it names no splits
    assert table["label"].tolist() == ["/m/068hy", "/m/09x0r", "/t/dd00088"]
    assert table["path"][0] == str(folder / "video" / f"{IDS[0]}_000030.mkv")
    assert table["start"].tolist() == [0, 0, 0] and table["end"][1] == 8.5
    (folder / "class_labels_indices.csv").write_text(NAMES)
    with pytest.warns(UserWarning, match="several labels"):
        table = read_clip_table(folder / "eval_segments.csv")
    assert table["label"].tolist() == ["Domestic animals, pets", "Speech, talk", "/t/dd00088"]


def test_files_may_lie_elsewhere_and_twice(folder, tmp_path_factory):
    there = tmp_path_factory.mktemp("there")
    (folder / "video").rename(there / "video")
    with pytest.raises(ValueError, match="no media under"):
        read_clip_table(folder / "vggsound.csv")
    (there / "more").mkdir()
    (there / "more" / f"{IDS[1]}.webm").touch()
    with pytest.warns(UserWarning, match="1 clips have several files"):
        table = read_clip_table(folder / "vggsound.csv", folder=there)
    assert table["path"][1] == str(there / "more" / f"{IDS[1]}.webm")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("AbCdEfGhIjK,soon,bells,train", "line 5 is not ID,start"),
        ("AbCdEfGhIjK,-1,bells,train", "line 5 is not"),
        ("AbCdEfGhIjK,1,bells,val", "line 5 is not .* or test: 'AbCdEfGhIjK, 1, bells, val'"),
        ("AbCdEfGhIjK,1,bells", "line 5 is not"),
        ("../../home/a,1,bells,train", "line 5 is not"),
        ("AbCdEfGhIjK,nan,bells,train", "line 5 is not"),
        ('AbCdEfGhIjK,1,"bells,train', "not a readable CSV"),
    ],
)
def test_lines_of_another_form_are_named(folder, line, message):
    (folder / "vggsound.csv").write_text(VGGSOUND + line + "\n")
    with pytest.raises(ValueError, match=message):
        read_clip_table(folder / "vggsound.csv")


def test_what_is_not_there(folder):
    (folder / "vggsound.csv").write_text("\n".join(VGGSOUND.splitlines()[2:3]) + "\n")
    with pytest.raises(ValueError, match=r"none of the files of its 1 clips lies under .*_000110\.mp4 or "):
        read_clip_table(folder / "vggsound.csv")
    with pytest.raises(ValueError, match=r"no clips of the split 'test'; it has train"):
        read_clip_table(folder / "vggsound.csv", split="test")
    (folder / "eval_segments.csv").write_text("# YTID, start_seconds\n")
    with pytest.raises(ValueError, match="no clips, only comments"):
        read_clip_table(folder / "eval_segments.csv")
    (folder / "eval_segments.csv").write_text(AUDIOSET)
    (folder / "class_labels_indices.csv").write_text("mid\n/m/068hy\n")
    with pytest.raises(ValueError, match=r"class_labels_indices\.csv: names of labels have the columns"):
        read_clip_table(folder / "eval_segments.csv")
