"""Phones in a text and words of a lexicon."""

import pytest

from espnet_prodiff.errors import DataError, TextError
from espnet_prodiff.inference.pronunciation import Pronunciation

ARPABET = [
    "<blank>",
    "<unk>",
    "HH",
    "AH0",
    "L",
    "OW1",
    "W",
    "ER1",
    "D",
    ",",
    "<sos/eos>",
]
LETTERS = ["<blank>", "<unk>", "<space>", *"həlˈoʊwɜd,", "<sos/eos>"]
HELLO = ["HH", "AH0", "L", "OW1"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain text", ["plain text"]),
        ("say [[HH AH0 L OW1]], now", ["say", HELLO, ", now"]),
        ("[[ HHAH0LOW1 ]]", [HELLO]),
        ("[[HH AH0 L OW1]] [[D]]", [HELLO, ["D"]]),
        ("an array[1] [x]", ["an array[1] [x]"]),
    ],
)
def test_phones_of_several_letters(text, expected):
    assert list(Pronunciation(ARPABET).stretches(text)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a [[həlˈoʊ]] b", ["a", " ", "həlˈoʊ", " ", "b"]),
        ("[[həlˈoʊ wˈɜld]]!", ["həlˈoʊ wˈɜld", "!"]),
        ("x[[h ə l ˈ o ʊ]]", ["x", "həlˈoʊ"]),
    ],
)
def test_phones_of_one_letter_have_spaces_between_words(text, expected):
    spoken = [
        "".join(stretch).replace("<space>", " ")
        for stretch in Pronunciation(LETTERS).stretches(text)
    ]
    assert spoken == expected


def test_what_is_no_phone_is_named():
    with pytest.raises(
        TextError, match=r"'QQ'.* not one of the model's.* AH0 D ER1 HH"
    ):
        list(Pronunciation(ARPABET).stretches("[[HH QQ]]"))
    with pytest.raises(TextError, match="no phones"):
        list(Pronunciation(ARPABET).stretches("[[ ]]"))


def test_lexicon(tmp_path):
    file = tmp_path / "lexicon"
    file.write_text(
        "# names\nWorld\tW ER1 L D\n\nC++  D L\nhe'd  HH D\nnew world\tD D\n"
    )
    lexicon = Pronunciation(ARPABET, file)
    world = ["W", "ER1", "L", "D"]
    assert list(lexicon.stretches("hello WORLD, worlds")) == [
        "hello",
        world,
        ", worlds",
    ]
    assert list(lexicon.stretches("He\u2019d c++")) == [["HH", "D"], ["D", "L"]]
    assert list(lexicon.stretches("a new world")) == ["a", ["D", "D"]]
    assert list(lexicon.stretches("[[L]] world")) == [["L"], world]


@pytest.mark.parametrize(
    "line, message",
    [
        ("world", "2: 'world': no phones"),
        ("world W ER1", "no phones; expected a word, a tab or two spaces"),
        ("world\tW ZZ", "the phone 'ZZ' is not one of the model's"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    file = tmp_path / "lexicon"
    file.write_text("hello\tHH\n" + line)
    with pytest.raises(DataError, match=message):
        Pronunciation(ARPABET, file)
