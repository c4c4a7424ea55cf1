"""Any language of espeak-ng to one list of characters."""

import pytest

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.inference.espeak_g2p import SPACE, TOKENS, EspeakG2p

TEXTS = {
    "de": "Gr\u00f6\u00dfe, wie geht es dir? Software!",
    "es": "\u00bfQu\u00e9 tal? \u00a1Bien!",
    "en-us": "Hello there, world",
    "cmn": "\u4f60\u597d",
    "ru": "\u043f\u0440\u0438\u0432\u0435\u0442",
    "vi": "xin ch\u00e0o",
    "fr": "o\u00f9 est-ce qu\u2019il habite ?",
}


@pytest.fixture(autouse=True)
def _espeak():
    pytest.importorskip("espeakng_loader")


@pytest.mark.parametrize("language", TEXTS)
def test_every_token_is_in_the_list(language):
    g2p = EspeakG2p(language)
    tokens = g2p.finish(g2p(TEXTS[language]))
    assert len(tokens) > 5 and set(tokens) <= set(TOKENS)
    assert "(" not in tokens  # no "(en)" where it changes its language


def test_words_pauses_and_ends():
    g2p = EspeakG2p("en-us")
    assert "".join(g2p.finish(g2p("Hello there, world"))) == (
        f"h\u0259l\u02c8o\u028a{SPACE}\u00f0\u02c8\u025b\u0279,{SPACE}w\u02c8\u025c\u02d0ld."
    )
    assert g2p.finish(g2p("yes?"))[-1] == "?"
    assert g2p.finish([SPACE, ".", "!"]) == []
    assert g2p.language == "en" and EspeakG2p("cmn").language == "zh"


def test_an_unknown_language_is_named():
    with pytest.raises(ConfigError, match="no language 'xx'"):
        EspeakG2p("xx")
