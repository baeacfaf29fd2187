"""Letters of figures: which fonts are asked for them, what is drawn where none has them, what is said."""

import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from random_trees import random_tree

from hyperclade.report import draw_hierarchy, lettering
from hyperclade.report.dendrogram import text_inches
from hyperclade.report.lettering import Lettering
from hyperclade.trees import Tree

TREE = Tree([4, 4, 5, 5, 6, 6, -1])
HOSTILE = [
    "$x$",
    "$",
    r"\frac{1}{",
    "costs $5 or $6_{",
    "two\nlines",
    "bell\x07 null\x00 escape\x1b[31m",
    "turned\u202e round",
    "no\u200b width\ufeff",
    "\ufe0f",
    "\udcff",
    "x" * 10_000,
    "a, " * 10_000,
    "名" * 10_000,
    "o" + "\u0301" * 10_000,
    "שלום تفاحة",
    "<!-- & --> ]]>",
    "👩\u200d🚀",
]


@pytest.fixture
def bare(monkeypatch):
    """A machine with no fonts but matplotlib's own first one."""
    monkeypatch.setattr(lettering, "_families", dict)


def drawn(tmp_path, names, suffix="png"):
    """What is said when names of leaves are drawn, which must warn of nothing."""
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        draw_hierarchy(TREE, tmp_path / f"a.{suffix}", node_names=names, title="a title", say=said.append)
    return said


def test_latin_names_look_at_no_other_font(monkeypatch):
    monkeypatch.setattr(lettering, "_families", lambda: pytest.fail("fonts were listed"))
    letters = Lettering(["barn owl", "été", "Ελλάδα", "кот", "$x$"])
    assert letters.families == ["DejaVu Sans"]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_letters_that_no_font_has_are_boxes_and_are_told_once(bare, tmp_path, capfd, suffix):
    names = {0: "柴犬の写真", 1: "owl 苹果", 2: "हिन्दी", 3: "cat"}
    assert drawn(tmp_path, names, suffix) == [
        f"warning: a.{suffix}: 3 texts have letters that no installed font has (Chinese, Devanagari, "
        "Japanese), drawn as □; install a font that has them, one of Noto's for instance"
    ]
    assert capfd.readouterr().err == ""


def test_boxes_stand_for_stretches_of_letters(bare):
    letters = Lettering(["owl 苹果 □□", "사과", "🫠"])
    assert letters.shown("owl 苹果 树x") == "owl □ 树x"  # of what was not announced nothing is known
    assert letters.shown("사과 🫠") == "□ □"


def test_what_is_told_leaves_out_texts_that_were_removed(bare):
    letters, axes, said = Lettering(["苹果", "사과"]), Figure().add_subplot(), []
    letters.write(axes, 0, 0, "苹果").remove()
    letters.tell(said.append, "a.png")
    assert said == []
    letters.write(axes, 0, 0, "사과")
    letters.tell(said.append, "folder/a.png")
    assert said[0].startswith("warning: a.png: 1 text has letters that no installed font has (Korean)")
    letters.tell(None, "a.png")


def test_a_font_that_has_the_letters_is_taken(monkeypatch):
    """Fonts that hold few letters stand for those of a machine."""
    held = {"DejaVu Sans": "owl", "Serif Han": "苹果树", "Sans Han": "苹果树", "Kana": "ねこ", "Han": "苹"}
    monkeypatch.setattr(
        lettering, "_families", lambda: {family: family for family in held if "D" not in family}
    )
    for ask in ("_letters_of_family", "_letters_of_file"):
        monkeypatch.setattr(lettering, ask, lambda name: frozenset(map(ord, held[name])))
    assert Lettering(["owl"]).families == ["DejaVu Sans"]
    letters = Lettering(["owl 苹果树", "ねこ"])
    assert letters.families == ["DejaVu Sans", "Sans Han", "Kana"] and letters.shown("ねこ") == "ねこ"
    assert Lettering(["苹사"]).shown("苹사과") == "苹□과"


def test_fonts_for_symbols_and_fixed_sizes_are_left_out():
    families = lettering._families()
    assert not {"Last Resort High-Efficiency", "cmr10", "STIXSizeOneSym", "Noto Color Emoji"} & {*families}
    assert "STIXGeneral" in families  # comes with matplotlib
    letters = Lettering(["\ufb38"])  # a letter of Hebrew that may be there or not
    assert letters.families[0] == "DejaVu Sans"


def test_damaged_fonts_have_no_letters(tmp_path):
    (tmp_path / "a.ttf").write_bytes(b"\0\1\0\0 no font")
    for file in ("a.ttf", "absent.ttf"):
        assert lettering._letters_of_file(str(tmp_path / file)) == frozenset()


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_drawn_as_plain_text(name, tmp_path, capfd):
    for suffix in ("png", "svg"):
        drawn(tmp_path, {0: name, 1: "cat", 4: name}, suffix)
    assert Image.open(tmp_path / "a.png").size == (1800, 1800)
    assert capfd.readouterr().err == ""
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert len(text) < 200_000 and not {"\x1b", "\x00", "\u202e", "\u200b"} & set(text)


def test_dollars_are_dollars(tmp_path):
    drawn(tmp_path, {0: "$x$", 1: r"\frac{1}{2} $\alpha$"}, "svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "<!-- $x$ -->" in text and "$\\alpha$" in text


def test_wide_names_stay_in_the_picture(tmp_path, bare):
    tree = random_tree(60, np.random.default_rng(0))
    draw_hierarchy(tree, tmp_path / "a.png", node_names=dict.fromkeys(range(60), "名 木 " * 30))
    image = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    edge = np.concatenate(
        [image[:5].ravel(), image[-5:].ravel(), image[:, :5].ravel(), image[:, -5:].ravel()]
    )
    assert (edge > 250).all()


def test_width_of_texts_is_that_of_what_is_drawn(bare):
    assert text_inches(["$x$"], 9) > text_inches(["x"], 9)
    assert text_inches(["苹果苹果苹果"], 9) == text_inches(["□"], 9)
