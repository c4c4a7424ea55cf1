"""English of any kind as words, with figures and without."""

import logging
from pathlib import Path

import pytest

from espnet_prodiff.inference.normalization.normalizer import TextNormalizer
from espnet_prodiff.inference.normalization.voice import TACOTRON_WORDS, Voice

LATIN = frozenset({"LATIN"})
FIGURES = Voice("en", LATIN, None, frozenset(";:,.!?"), letter_gap="-")
WORDS = Voice("en", LATIN, None, frozenset(",.!?"), reads_numbers=False)

# A text, what a g2p that reads figures gets, and what one of words alone gets.
LINES = Path(__file__).with_name("english_lines.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", LINES.splitlines())
def test_what_is_read(line):
    text, figures, words = line.split(" | ")
    assert TextNormalizer(FIGURES)(text) == figures.replace('"', "")
    assert TextNormalizer(WORDS)(text) == words


def test_long_rows_of_digits_are_read_digit_by_digit():
    assert TextNormalizer(FIGURES)("1" * 16) == " ".join("1" * 16)
    assert TextNormalizer(FIGURES)("1" * 15) == "1" * 15
    assert TextNormalizer(WORDS)("12," * 5000).startswith("one two one two")
    assert (
        TextNormalizer(WORDS)("0." + "3" * 20).split()
        == ["zero", "point"] + ["three"] * 20
    )


def test_accents_go_where_the_g2p_does_not_read_them():
    plain = Voice("en", LATIN, None, frozenset(",.!?"), reads_accents=False)
    text = "Łódź, straße, Ångström, naïve e\u0301"
    assert TextNormalizer(plain)(text) == "Lodz, strasse, Angstrom, naive e"
    assert TextNormalizer(FIGURES)(text) == text.replace("e\u0301", "é")


def test_letters_are_parted_as_the_g2p_wants_them():
    with_points = Voice("en", LATIN, None, frozenset(",.!?"), letter_gap=".")
    assert TextNormalizer(with_points)("the US at 5 pm") == "the U.S. at 5 P.M."
    assert TextNormalizer(with_points)("the U.S. Army") == "the U.S. Army"


def test_lines_end_with_a_pause():
    text = "Title\nfirst line.\n\nnext <break time='1s'/> last"
    assert TextNormalizer(FIGURES)(text) == "Title. first line. next. last"


def test_a_cleaner_keeps_the_abbreviations_that_it_reads():
    letters = frozenset("abcdefghijklmnopqrstuvwxyzDMS. ")
    cleaner = Voice("en", LATIN, letters, frozenset(". "), True, TACOTRON_WORDS)
    text = "Dr. Smith of St. Mary vs. the S.S."
    assert TextNormalizer(cleaner)(text) == "Dr. Smith of St. Mary versus the S.S."


def test_every_change_is_said_once(caplog):
    caplog.set_level(logging.INFO)
    normalize = TextNormalizer(FIGURES)
    assert normalize("“a” \U0001f600 costs 5% \U0001f600 ‘b’") == "a costs 5 percent b"
    first = caplog.text
    assert first.count("typographic marks") == first.count("quantities") == 1
    assert "left out of the text: emoji and pictures '\U0001f600' (U+1F600)" in first
    normalize("“c” \U0001f600 7%")
    assert caplog.text == first
    normalize("\U0001f601")
    assert "(U+1F601)" in caplog.text
