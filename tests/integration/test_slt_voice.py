"""The voice in the box: it speaks, as flite's does, the same every time."""

import zipfile

import numpy as np
import pytest
import pyworld

from espnet_prodiff import Text2Speech
from espnet_prodiff.inference.voices import find_voice

SENTENCE = "The quick brown fox jumps over the lazy dog, doesn't it?"
ALIKE = "dh ax0 k w ih1 k b r aw1 n f aa1 k s jh ah1 m p s ow2 v er0 dh ax0 l ey1 z iy0"


@pytest.fixture(scope="module")
def slt(tmp_path_factory) -> Text2Speech:
    cache = tmp_path_factory.mktemp("cache")
    return Text2Speech.from_pretrained("slt", cachedir=cache)


def test_it_is_small_and_brings_its_card():
    voice = find_voice("slt")
    assert voice.model.stat().st_size < 15e6
    with zipfile.ZipFile(voice.model) as archive:
        assert archive.read("README.md") == voice.card.read_bytes()
    card = voice.card.read_text(encoding="utf-8")
    assert (
        "Carnegie Mellon University" in card and "WITHOUT RESTRICTION" in card.upper()
    )


def test_words_are_read_from_its_lexicon_and_guessed_beyond(slt):
    g2p = slt.preprocess_fn.tokenizer.g2p
    words = SENTENCE.strip("?").replace(",", "").lower().split()
    assert set(words) <= set(g2p.lexicon)
    assert " ".join(g2p(SENTENCE)).startswith(ALIKE)
    assert g2p("Blimper")[:4] == "b l ih1 m".split()
    known = set(slt.preprocess_fn.token_id_converter.token2id)
    for phones in (*g2p.lexicon.values(), " ".join(g2p("Blimper zorkification"))):
        assert set(phones.split()) <= known


def test_it_speaks_in_one_step_the_same_every_time(slt):
    assert slt.tts.num_steps == 1
    out = slt(SENTENCE, seed=1)
    wav = out["wav"].double().numpy()
    seconds = len(wav) / slt.fs
    assert slt.fs == 16000 and 3.0 < seconds < 4.5
    assert np.abs(wav).max() < 1.0
    assert (slt(SENTENCE, seed=1)["wav"].double().numpy() == wav).all()
    # As loud and as high as flite's slt; quiet where it pauses.
    frames = out["duration"].numpy()
    ends = np.cumsum(frames) * 256
    tokens = slt.preprocess_fn.tokenizer.g2p(SENTENCE)
    rms = {
        kind: np.sqrt(np.mean(np.concatenate(parts) ** 2))
        for kind, parts in {
            "vowels": [
                wav[end - n * 256 : end]
                for token, n, end in zip(tokens, frames, ends, strict=False)
                if token[-1] == "1"
            ],
            "pause": [wav[ends[-2] - 512 : ends[-2]]],
        }.items()
    }
    assert 0.05 < rms["vowels"] < 0.3 and rms["pause"] < rms["vowels"] / 10
    f0, _ = pyworld.dio(wav, slt.fs)
    assert 140 < np.median(f0[f0 > 0]) < 210


def log_f0(wav: np.ndarray, fs: int) -> np.ndarray:
    f0, times = pyworld.dio(wav, fs, f0_floor=60.0, f0_ceil=500.0)
    f0 = pyworld.stonemask(wav, f0, times, fs)
    return np.log(np.where(f0 > 0, f0, np.nan))


def test_its_f0_moves_by_the_semitones_asked_for(slt):
    texts = [
        SENTENCE,
        "Neither the farmers nor the old painter arrived before noon.",
        "Could you carry the heavy mirror across the valley?",
        "Anna laughed, because nobody knew the answer.",
        "We should leave at once, said the tall gardener.",
    ]

    def speak(pitch: float) -> list[np.ndarray]:
        outputs = slt.batch(texts, seed=1, pitch=pitch)
        return [log_f0(out["wav"].double().numpy(), slt.fs) for out in outputs]

    plain = speak(0.0)
    for asked in (-2, 2):
        pairs = zip(speak(asked), plain, strict=True)
        moved = [np.nanmean(f0 - before) * 12 / np.log(2) for f0, before in pairs]
        assert np.mean(moved) == pytest.approx(asked, abs=0.2), moved
