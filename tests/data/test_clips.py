"""Tables of clips: from CSV files and folders; what is wrong with them is named."""

import numpy as np
import pytest

from hyperclade.data.clips import read_clip_table


def table_of(folder, text):
    path = folder / "clips.csv"
    path.write_text(text)
    return read_clip_table(path)


def test_csv(tmp_path):
    with pytest.warns(UserWarning, match="1 of 3 clips have no label"):
        table = table_of(tmp_path, "path,start,end,label\na.mp4,1,2.5,owl\n/b/c.mp4,,, \nx/../d.mp4,0,1,1\n")
    assert table["path"].tolist() == [f"{tmp_path}/a.mp4", "/b/c.mp4", f"{tmp_path}/d.mp4"]
    assert table["start"].tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_array_equal(table["end"], [2.5, np.nan, 1.0])
    assert table["label"].tolist() == ["owl", "", "1"]
    (tmp_path / "bare.csv").write_text("path\na.mp4\n")
    bare = read_clip_table(tmp_path / "bare.csv", folder="/films")
    assert bare.to_dict("records")[0] | {"end": None} == {
        "path": "/films/a.mp4",
        "start": 0.0,
        "end": None,
        "label": "",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("path,start,end,label\n", "no clips"),
        ("file,start,end\na,0,1\n", "names its columns path, start, end, label.* file, start, end"),
        ("a.mp4,0,1,owl\n", "names its columns"),
        ("path,lable\na,b\n", "names its columns"),
        ("path,start\na,0\nb,soon\n", r"clip 2 \(line 3\): start is not a number of seconds: 'soon'"),
        ("path,start\na,inf\n", "start is not a number"),
        ("path,start\na,-1\n", "negative"),
        ("path,start,end\na,2,2\n", "end does not lie beyond start"),
        ("path,start\n,2\n", "path is empty"),
        ("path,start\nowls, two.mp4,3\nc.mp4,,1\n", "row 0 .* has 3 cells, the header has 2"),
        ("path,label\na.mp4,owl,\nb.mp4,owl,\n", "end lines without a comma"),
    ],
)
def test_csv_that_is_wrong(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        table_of(tmp_path, text)


def test_folder(films):
    with pytest.warns(UserWarning, match="2 of 4"):
        table = read_clip_table(films)
    names = ["broken.mp4", "c.mp4", "owls/a.mp4", "owls/b.mkv"]
    assert table["path"].tolist() == [str(films / name) for name in names]
    assert table["label"].tolist() == ["", "", "owls", "owls"]
    assert table["end"].isna().all()


@pytest.mark.filterwarnings("ignore:.*no label")
def test_folder_cut_into_clips(films):
    table = read_clip_table(films, every=1.0)
    parts = [(row.path.rsplit("/", 1)[1], row.start, row.end) for row in table.itertuples()]
    assert parts[1:] == [
        ("c.mp4", 0.0, 1.0),
        ("c.mp4", 1.0, 2.0),
        ("a.mp4", 0.0, 1.0),
        ("a.mp4", 1.0, 2.0),
        ("a.mp4", 2.0, 3.0),
        ("b.mkv", 0.0, 1.0),
        ("b.mkv", 1.0, 2.0),
    ]
    assert parts[0][:2] == ("broken.mp4", 0.0)  # stays, so that the cache names it
    assert np.isnan(parts[0][2])


def test_nothing_there(tmp_path):
    with pytest.raises(ValueError, match=r"no data .*none\.csv.*give a CSV file of clips, or a folder"):
        read_clip_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="no media under"):
        read_clip_table(tmp_path)
    with pytest.raises(ValueError, match="every"):
        read_clip_table(tmp_path, every=0.0)
