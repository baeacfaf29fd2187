"""Words in names: what is kept of each kind of name, and the built-in stop words."""

import json
from pathlib import Path

import pytest
from scipy.stats import chi2_contingency

from hyperclade.hierarchy.words import NameWords, words_in

GOLDEN = Path(__file__).parents[2] / "web" / "tests" / "golden" / "words.json"  # the page finds the same


def kept(name):
    """The words of a name that another shares."""
    return NameWords([name, name]).vocabulary


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("animals/cat/0001.png", ["animals", "cat"]),
        ("IMG_20240101_123456.JPG", []),
        ("img0123.tar.gz", []),
        ("cat0123.png", ["cat"]),
        ("2021cat", ["cat"]),
        ("d41d8cd98f00b204e9800998ecf8427e.wav", []),
        ("550e8400-e29b-41d4-a716-446655440000.npy", []),
        ("dQw4w9WgXcQ.mp4", []),
        ("a3f9c21 1999 12a", []),
        ("covid19, 3d and mp3", ["3d", "covid19", "mp3"]),  # few digits, which belong to the word
        ("png of a jpg.png", ["jpg", "png"]),  # no extensions: they stand before the end
        ("L’eau d'été", ["eau", "été"]),
        ("dog's rock'n'roll", ["dog", "rock'n", "roll"]),
        ("don't", []),
        ("USBケーブル", ["ケーブル", "usb"]),
        ("食べ物", ["食べ物", "物", "食"]),
        (".png", []),
        ("", []),
        ("🐱🐱 ∑ $ \x00", []),
    ],
)
def test_what_is_kept_of_a_name(name, expected):
    assert kept(name) == expected


def test_words_of_one_name_alone_are_left_out():
    words = NameWords(["barn owl", "owl", "oak"])
    assert words.vocabulary == ["owl"] and words.codes.tolist() == [0, 0]
    assert words.pointer.tolist() == [0, 1, 2, 2]


def test_parts_of_a_word_are_the_words_in_it():
    words = NameWords(["柴犬の写真", "柴犬の写真", "写真"])
    assert {words.vocabulary[code] for code in words.parts("柴犬の写真")} >= {"柴犬", "写真", "柴犬の写真"}
    assert words.parts("柴犬") == [words.vocabulary.index("柴犬")]


@pytest.mark.parametrize(
    "word", ["car", "van", "door", "dove", "man", "men", "hat", "war", "toe", "can", "mint"]
)
def test_stop_words_of_one_language_are_no_things_of_another(word):
    assert kept(word) == [word]


@pytest.mark.parametrize(
    "sentence",
    [
        "the of and to in is that it was for on are as with",
        "der die das und ist nicht mit auf für eine auch sich",
        "le la les des et est que dans pour qui une pas sur",
        "el los las que en por con para una es su al del",
        "il che di per non una con del della sono gli",
        "o que de não para uma com os é do da em",
        "de het een en is niet dat op te zijn met",
        "och att det som en på är av för med till den",
        "nie się na to że jest z do w i jak",
        "и в не на я что он с как это по но",
    ],
)
def test_function_words_of_large_languages_are_stop_words(sentence):
    assert kept(sentence) == []


def test_words_in_a_text_are_in_lower_case():
    assert words_in("Ａ\u00ad bÉ_c") == ["a", "bé", "c"]


def test_words_are_those_that_the_page_finds():
    names = json.loads(GOLDEN.read_text(encoding="utf-8"))["names"]
    assert len(names) > 40
    assert {name: sorted(words) for name, words in names} == {name: sorted(kept(name)) for name, _ in names}


def test_the_page_weighs_words_by_the_likelihood_ratio():
    for inside, size, total, n, ratio in json.loads(GOLDEN.read_text(encoding="utf-8"))["ratios"]:
        rest = n - size
        table = [[inside, size - inside], [total - inside, rest - total + inside]]
        if rest and 0 < total < n:
            expected = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
            assert ratio == pytest.approx(expected, abs=1e-9)
        else:
            assert ratio == pytest.approx(0, abs=1e-9)
