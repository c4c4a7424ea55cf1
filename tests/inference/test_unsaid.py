"""Words and signs that espeak-ng passes over in silence are named."""

import argparse
import re

import pytest

from espnet_prodiff.errors import TextError
from espnet_prodiff.inference.espeak_g2p import TOKENS
from espnet_prodiff.inference.own_g2p import build_preprocessor
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.unsaid import UnsaidWords

LIST = ["<blank>", "<unk>", *TOKENS, "<sos/eos>"]


def reader(language, **options):
    pytest.importorskip("espeakng_loader")
    config = argparse.Namespace(
        use_preprocessor=True,
        token_type="phn",
        token_list=LIST,
        cleaner=None,
        g2p="espnet_prodiff_espeak",
        g2p_conf={"language": language},
        non_linguistic_symbols=None,
    )
    return TextToIds(build_preprocessor(config), **options)


def read(language, text, **options):
    ids = reader(language, **options)(text)
    return "".join(" " if LIST[i] == "<space>" else LIST[i] for i in ids)


@pytest.mark.parametrize(
    ("language", "text", "unsaid"),
    [
        ("ru", "\u042d\u0442\u043e \u0441\u0442\u043e\u0438\u0442 5 \u20ac.", "\u20ac"),
        ("fr", "Voir \u00a7 5 et #3.", "\u00a7', '#"),
        ("cmn", "\u4f60\u597d 5\u20ac", "\u20ac"),
    ],
)
def test_a_sign_without_a_name_in_a_language(language, text, unsaid):
    with pytest.raises(TextError, match=f"symbols in the text .*: '{unsaid}', which"):
        read(language, text)


def test_it_is_left_out_where_one_wants_so(caplog):
    plain = read("fr", "Voir 5.")
    assert read("fr", "Voir \u00a7 5.", unknown_symbols="skip") == plain
    assert read("fr", "Voir \u00a75.", unknown_symbols="skip") == plain
    assert caplog.text.count("'\u00a7', which espeak-ng passes over; left out") == 2


@pytest.mark.parametrize(
    ("language", "signs", "words"),
    [
        ("de", "5 \u20ac, 20 %", "f\u00fcnf Euro, zwanzig Prozent"),
        ("de", "1 + 2 = 3", "eins plus zwei gleich drei"),
        ("fr", "20 %", "vingt pour cent"),
    ],
)
def test_signs_with_a_name_are_said(language, signs, words):
    sounds = [read(language, text) for text in (signs, words)]
    no_stress = [re.sub("[\u02c8\u02cc ]", "", x) for x in sounds]
    assert no_stress[0] == no_stress[1]


def test_every_word_has_to_have_a_sound():
    sounds = {
        "a": ["\u0259"],
        "b": ["(en)", "b", "(de)"],
        "+": ["p"],
        "c": ["\u02c8", "."],
    }
    find = UnsaidWords(lambda word: sounds.get(word, []))
    assert find("a b, a") == ["b,"]
    assert find("a b c d a+ x=") == ["c", "d", "a+", "=", "x="]
    assert find("a - ... (b )") == ["(b"]
    assert find("a / b \u00b4 '") == []


def test_fractions_keep_their_line():
    assert read("de", "\u00bd Liter") == read("de", "1/2 Liter")
