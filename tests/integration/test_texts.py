"""Texts and token ids on their way into a model."""

import os
import subprocess
import sys

import numpy as np
import pytest
import sentencepiece
import torch

from espnet_prodiff.common.espeak import require_g2p
from espnet_prodiff.errors import (
    InputError,
    TextError,
)
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.tiny_models import write_model

TEXTS = ["hello there.", "hi", "a longer one, with a comma."]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("prodiff"))


@pytest.fixture(scope="module")
def text2speech(files):
    return Text2Speech(*files)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_empty_text(text2speech, text):
    with pytest.raises(TextError, match="the text is empty"):
        text2speech(text)
    with pytest.raises(TextError, match="utterance 2: the text is empty"):
        text2speech.batch(["hi", text])


def test_a_line_break_is_a_pause(text2speech):
    expected = text2speech("one. two.", seed=0)["feat_gen"]
    for text in ("one.\ntwo.", " one.\r\n\ttwo.\n", "one.\n\ntwo."):
        torch.testing.assert_close(text2speech(text, seed=0)["feat_gen"], expected)
    with pytest.raises(TextError, match="empty"):
        text2speech("\n \n")


def test_a_long_text_is_not_repeated_in_an_error(text2speech):
    with pytest.raises(TextError) as error:
        text2speech("hello there " * 500 + "7")
    assert "'7' (token" in str(error.value) and len(str(error.value)) < 500


def test_no_text_is_refused(text2speech):
    with pytest.raises(InputError, match="text is None"):
        text2speech(None)


def test_unknown_symbols_are_named_with_their_place(text2speech, files):
    with pytest.raises(TextError) as error:
        text2speech("caf\u00e9 at 7.")
    assert "'7' (token 9 of 10, character 9)" in str(error.value)
    with pytest.raises(TextError, match="'7' .*, in 'h 7 i 7'"):
        text2speech("h7i7")
    assert TextToIds(text2speech.preprocess_fn, "skip")("h7i").tolist() == [10, 11]
    with pytest.raises(TextError, match="nothing to say is left"):
        TextToIds(text2speech.preprocess_fn, "skip")("77")
    with pytest.raises(ValueError, match="must be one of error, skip"):
        TextToIds(text2speech.preprocess_fn, "unk")


def test_token_ids_are_checked(text2speech):
    ids = np.array([10, 11])
    of_ids, of_text = text2speech(ids, seed=0), text2speech("hi", seed=0)
    assert of_ids.pop("phones") == of_text.pop("phones")
    torch.testing.assert_close(of_ids, of_text, atol=1e-4, rtol=0)
    for bad, message in [
        (np.array([10, 99]), "reach from 10 to 99, the model knows 0 to"),
        (np.array([-1]), "from -1"),
        (np.array([], dtype=int), r"shape \(0,\)"),
        (np.array([1.5]), "type float64"),
    ]:
        with pytest.raises(InputError, match=message):
            text2speech(bad)


def test_pieces_of_sentencepiece(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.write_text("hello there\ngood morning all\nyes and no and hi\n" * 5)
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(tmp_path / "bpe"),
        vocab_size=30,
        model_type="bpe",
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(str(tmp_path / "bpe.model"))
    pieces = [model.id_to_piece(i) for i in range(3, model.vocab_size())]
    tokens = ["<blank>", "<unk>", *pieces, "<sos/eos>"]
    options = dict(token_type="bpe", bpemodel=str(tmp_path / "bpe.model"))
    text2speech = Text2Speech(
        *write_model(tmp_path / "m", token_list=tokens, **options)
    )
    out = text2speech("hello")
    assert len(out["duration"]) == len(model.encode("hello")) + 1
    with pytest.raises(TextError, match="unknown symbols in the text 'hello 7': '7'"):
        text2speech("hello 7")


ESPEAK = """
import os, sys
import espnet_prodiff
assert "espeakng_loader" not in sys.modules and "phonemizer" not in sys.modules
from espnet2.text.phoneme_tokenizer import PhonemeTokenizer
print("".join(PhonemeTokenizer("espeak_ng_english_us_vits").text2tokens("hello")))
"""


def test_espeak_is_found_in_its_wheel_without_importing_it():
    pytest.importorskip("phonemizer")
    env = {k: v for k, v in os.environ.items() if "ESPEAK" not in k}
    done = subprocess.run(
        [sys.executable, "-c", ESPEAK], env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == "h\u0259l\u02c8o\u028a", done.stderr


def test_espeak_missing_names_its_packages(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    require_g2p("g2p_en")
    with pytest.raises(ModuleNotFoundError, match="pip install espeakng-loader"):
        require_g2p("espeak_ng_german")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hi\0there", r"'\\x00' \(character 3\) is no text"),
        ("hi\x07", r"'\\x07' \(character 3\) is no text"),
        ("hi \udcff", r"'\\udcff' \(character 4\) is no text"),
        ("h" * 30_000, "has 30000 characters, at most"),
        (
            "hello " * 1000,
            "has 6000 tokens, at most 4000|has 5999 tokens, at most 4000",
        ),
    ],
)
def test_texts_that_cannot_be_spoken_at_once(text, message, text2speech):
    with pytest.raises(TextError, match=message):
        text2speech.text_to_ids(text)


def test_what_is_no_text_can_be_left_out(text2speech):
    skip = TextToIds(text2speech.preprocess_fn, "skip")
    assert np.array_equal(skip("hi\0 \udcffthere"), skip("hi there"))


def test_a_cleaner_that_fails_names_the_text(text2speech, monkeypatch):
    def fails(text):
        raise OverflowError("out of range")

    monkeypatch.setattr(text2speech.preprocess_fn, "text_cleaner", fails)
    with pytest.raises(TextError, match="cannot read the text 'hi there' .*out of ra"):
        text2speech.text_to_ids("hi there")
