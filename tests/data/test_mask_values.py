"""What values and colours of masks mean, by mappings and files; what has two meanings or none is refused."""

import numpy as np
import pytest

from hyperclade.data.mask_values import VOID, MaskSource, mask_key, named_classes
from hyperclade.trees.taxonomy import Taxonomy

STREETS = Taxonomy.from_edges([("road", "flat"), ("path", "flat"), ("sky", "")])  # road, flat, path, sky


def meaning(key, codes):
    """Name of the class of each, "void", or None where it must not occur."""
    found = key.of_code[list(codes)].tolist()
    return [None if k < 0 else "void" if k == VOID else key.names[k] for k in found]


@pytest.mark.parametrize(
    ("void", "expected"),
    [
        (None, ["road", "path", "sky", None, None]),
        (0, ["void", "road", "path", "sky", None]),
        ([0, 255], ["void", "road", "path", "sky", None]),
        ([1, 0], ["void", "void", "road", "path", "sky"]),
        ([3], ["road", "path", "sky", "void", None]),
        ([], ["road", "path", "sky", None, None]),
    ],
)
def test_classes_follow_the_first_value_that_is_not_void(void, expected):
    nodes, key = mask_key(STREETS, void=void)
    assert [STREETS.names[node] for node in nodes] == list(key.names) == ["road", "path", "sky"]
    assert meaning(key, range(5)) == expected
    assert meaning(key, [255]) == ["void" if void is None or void == [0, 255] else None]
    assert (key.remarks() != ()) == (expected[0] == "void")


def test_values_by_mapping_text_and_file(tmp_path):
    (tmp_path / "a.csv").write_text("name,Value\nsky,7\nflat,3\n,4\n", encoding="utf-8-sig")
    for given in ({7: "sky", 3: "flat", 4: None}, "{7: sky, '3': flat, 4: null}", tmp_path / "a.csv"):
        nodes, key = mask_key(STREETS, values=given)
        assert [STREETS.names[node] for node in nodes] == ["flat", "sky"]  # as in the taxonomy
        assert meaning(key, (7, 3, 4, 255, 0)) == ["sky", "flat", "void", "void", None]
    _, key = mask_key(STREETS, values={0: "road", 255: "sky"})
    assert meaning(key, (0, 255)) == ["road", "sky"] and not key.assumed
    nodes, key = mask_key(STREETS, values={9: "sky"}, classes=["sky", "road"])
    assert key.names == ("sky", "road") and meaning(key, [9]) == ["sky"]


def test_colours_by_mapping_and_file(tmp_path):
    (tmp_path / "a.csv").write_text("R,g,b,name\n128,64,128,road\n0,0,255,sky\n0,0,0,\n")
    (tmp_path / "b.csv").write_text('name,colour\nroad,#804080\nsky,"0,0,255"\n,#000000\n')
    mapping = {"128, 64,128": "road", "#0000FF": "sky", "0,0,0": None}
    for given in (mapping, str(mapping).replace("None", "null"), tmp_path / "a.csv", str(tmp_path / "b.csv")):
        _, key = mask_key(STREETS, palette=given)
        assert key.names == ("road", "sky") and key.colours
        assert meaning(key, (0x804080, 0x0000FF, 0, 0x804081)) == ["road", "sky", "void", None]
    assert named_classes(None, mapping) == ["road", "sky"]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"values": {1: "moon"}}, "no node 'moon'"),
        (
            {"values": {1: "road"}, "classes": ["sky"]},
            "class 'road' of the values is none of the classes sky",
        ),
        ({"values": {1: "road"}, "void": 1}, "value 1 of class 'road' is void"),
        ({"values": {1: 2}}, r"the option values: 1 has the class 2, which is no name; put names in quotes"),
        ({"values": "{1: yes}"}, "has the class True, which is no name"),
        ({"values": {"one": "road"}}, "one is no value of masks"),
        ({"values": {70_000: "road"}}, r"70000 is no value of masks, which are whole numbers 0\.\.65535"),
        ({"values": {True: "road"}}, "True is no value of masks"),
        ({"values": {1: "road", "1": "sky"}}, "two classes, 'road' and 'sky'"),
        ({"values": {}}, "the option values names no class"),
        ({"values": {1: None}}, "no value of the masks has a class"),
        ({"values": "{1: road"}, "the option values is no mapping"),
        ({"values": "nowhere.csv"}, r"nowhere\.csv is no file; it takes a mapping or a CSV file"),
        ({"palette": {"#0000ff": "road", "0,0,255": "sky"}}, "'0,0,255' has two classes, 'road' and 'sky'"),
        ({"palette": {"0,0,256": "road"}}, "0,0,256 is no colour"),
        ({"palette": "{128,64,128: road}"}, "128 is no colour; .* in quotes"),
        ({"palette": {"#fff": "road"}}, "#fff is no colour"),
        ({"palette": {"0,0,0": "road"}, "values": {1: "road"}}, "one of the options values and palette"),
        ({"palette": {"0,0,0": "road"}, "void": 0}, "the option void is about values"),
        (
            {"classes": ["road", "path", "sky"], "void": 1},
            "value 1 of class 'path' is void; .* option values",
        ),
        ({"void": -1}, "void value -1 is not in"),
    ],
)
def test_meanings_that_are_none_or_two_are_refused(given, match):
    with pytest.raises(ValueError, match=match):
        mask_key(STREETS, **given)


@pytest.mark.parametrize(
    ("option", "text", "match"),
    [
        ("palette", "", "the first line must have the columns color,name or r,g,b,name, once each"),
        ("palette", "0,0,0,road\n", "the first line must have the columns"),
        ("palette", "r,g,b,r,name\n", "once each"),
        ("palette", "r,g,b,name\n0,0,0,road\n1,2,road\n", "line 3 has 3 cells, the first line 4"),
        ("palette", "r,g,b,name\n0,0,0,road\n0,x,0,sky\n", "line 3: 0,x,0 is no colour"),
        ("palette", "r,g,b,name\n0,0,0,road\n0,0,0,sky\n", "line 3 has two classes"),
        ("palette", "r,g,b,name\n", "names no class"),
        ("values", "value,name\n1,road\n1.5,sky\n", r"line 3: 1\.5 is no value"),
        ("values", "name\nroad\n", "the first line must have the columns value,name"),
        ("values", b"value,name\n1,\xff\n", "not UTF-8"),
        ("values", 'value,name\n1,"a\n', "no node"),
    ],
)
def test_faults_of_files_name_the_line(option, text, match, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=match):
        mask_key(STREETS, **{option: str(path)})


def test_meanings_without_masks_are_refused():
    with pytest.raises(ValueError, match="are about masks"):
        MaskSource(values={1: "road"})


def check(found, purpose="judging", **given):
    mask_key(STREETS, **given)[1].check(np.array(found), 4, purpose)


def test_one_class_besides_what_is_void_by_default():
    with pytest.raises(ValueError, match=r"have the values 0, 255, of which 255 is .*\{0: road, 255: …\}"):
        check([0, 255])
    for given in ({"void": 255}, {"void": [255]}, {"values": {0: "road", 255: "sky"}}):
        check([0, 255], **given)
    check([0, 255], "known")
    check([0, 1, 255], "learning")
    check([1])  # a small sample to judge by
    for found, given in (([1], {}), ([0, 255], {"void": 255}), ([0, 0x0000FF], {"palette": BLUE})):
        with pytest.raises(ValueError, match=r"one class, .* nothing to learn"):
            check(found, "learning", **given)


BLUE = {"#0000ff": "sky", "0,0,0": None}


def test_all_void():
    for purpose in ("learning", "judging", "known"):
        with pytest.raises(ValueError, match=r"4 masks are void, .* the values 255; name .* option values"):
            check([255], purpose)
    with pytest.raises(ValueError, match=r"have the colours #000000; name their classes by the palette"):
        check([0], palette=BLUE)
    with pytest.raises(ValueError, match=r"the values \(none\)"):
        check(np.zeros(0, np.int64))


def test_a_void_value_among_the_classes_is_no_shift():
    """With 0 void, are 1 and 2 the first and second class, or the second and third?"""
    with pytest.raises(
        ValueError, match=r"values 0, 1, 2: .* have 1 to 3, .* 'sky', would be empty; .* 'road'"
    ):
        check([0, 1, 2], void=0)
    check([0, 1, 2], "known", void=0)
    check([0, 1, 3], void=0)
    check([0, 1, 2], void=0, classes=["path", "sky"])
    check([0, 1, 2], values={0: None, 1: "path", 2: "sky"})
    with pytest.raises(ValueError, match="would be empty"):
        check([0, 1, 2], void=0, classes=["road", "road", "sky"])
    check([0, 1, 3], void=0, classes=["road", "road", "sky"])
