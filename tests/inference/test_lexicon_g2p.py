"""Words to phones: lexicon, rules and the guess; pauses of a sentence."""

import lzma
import string

import pytest
import torch
from torch.nn import functional as F

from espnet_prodiff.errors import CheckpointError, ConfigError
from espnet_prodiff.inference.letter_to_sound import (
    STATES,
    LetterToSound,
    letter_numbers,
)
from espnet_prodiff.inference.lexicon_g2p import LexiconG2p
from espnet_prodiff.inference.pronunciation import Pronunciation

WORDS = {
    "apple": "ae1 p ax0 l",
    "bus": "b ah1 s",
    "cat": "k ae1 t",
    "dog": "d ao1 g",
    "it": "ih2 t",
    "the": "dh ax0",
    "us": "ah1 s",
    "US": "y uw1 eh1 s",
    "isn't": "ih1 z n t",
    "a": "ax0",
    "h": "ey1 ch",
    "t": "t iy1",
    "m": "eh1 m",
    "l": "eh1 l",
    "u": "y uw1",
    "s": "eh1 s",
}
GUESSED = {
    "fox": "f aa1 k s",
    "ship": "sh ih1 p",
    "phil": "f ih1 l",
    "tax": "t ae1 k s",
}


@pytest.fixture(scope="module")
def guess() -> LetterToSound:
    """Four words learnt by heart."""
    torch.manual_seed(0)
    phones = sorted({phone for line in GUESSED.values() for phone in line.split()})
    model = LetterToSound(phones, channels=16, layers=2)
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    lists = [[phones.index(p) + 1 for p in line.split()] for line in GUESSED.values()]
    letters = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(letter_numbers(word)) for word in GUESSED], batch_first=True
    )
    for _ in range(60):
        loss = F.ctc_loss(
            model(letters).transpose(0, 1),
            torch.tensor(sum(lists, [])),
            torch.tensor([STATES * len(word) for word in GUESSED]),
            torch.tensor([len(line) for line in lists]),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def g2p(guess, tmp_path_factory) -> LexiconG2p:
    folder = tmp_path_factory.mktemp("lexicon")
    words = dict.fromkeys(string.ascii_lowercase, "k") | WORDS
    lines = "".join(f"{word} {phones}\n" for word, phones in words.items())
    (folder / "words.xz").write_bytes(lzma.compress(lines.encode()))
    guess.save(folder / "guess.pth")
    return LexiconG2p(folder / "words.xz", LetterToSound.load(folder / "guess.pth"))


@pytest.mark.parametrize("word", GUESSED)
def test_words_learnt_by_heart_are_guessed_alone_and_from_a_file(g2p, guess, word):
    assert guess[word] == GUESSED[word].split()
    assert g2p(word.upper() if word == "ship" else word) == GUESSED[word].split()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The cat", "dh ax0 k ae1 t"),
        ("the apple", "dh iy0 ae1 p ax0 l"),
        ("the, apple", "dh ax0 , ae1 p ax0 l"),
        ("cat's dog\u2019s bus's", "k ae1 t s d ao1 g z b ah1 s ax0 z"),
        ("It isn\u2019t it'll", "ih2 t ih1 z n t ih2 t ax0 l"),
        ("US us HTML", "y uw1 eh1 s ah1 s ey1 ch t iy1 eh1 m eh1 l"),
        ("THE CAT US", "dh ax0 k ae1 t ah1 s"),  # all in capitals
        ("a U.S. c\u00e1t", "ax0 y uw1 eh1 s k ae1 t"),
        ("cat-dog", "k ae1 t d ao1 g"),
        ("cat \u2013 dog -- it\u2026", "k ae1 t , d ao1 g , ih2 t ."),
        ('"cat" (dog)', "k ae1 t , d ao1 g ,"),
        ("cat 3 \u6c34", "k ae1 t 3 \u6c34"),  # for the caller to refuse
    ],
)
def test_tokens(g2p, text, tokens):
    assert g2p(text) == tokens.split()


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        ("k ae1 t", "k ae1 t ."),
        (", k ae1 t , . ! , d", "k ae1 t ! d ."),
        ("k ae1 t ? .", "k ae1 t ?"),
        ("k ae1 t ,", "k ae1 t ."),
        (", .", ""),
    ],
)
def test_a_sentence_has_single_pauses_and_one_at_its_end(g2p, tokens, sentence):
    assert g2p.finish(tokens.split()) == sentence.split()


def test_phones_have_the_names_of_cmu_s_dictionary(g2p):
    names = {"AH0": "ax0", "AH2": "ah1", "EY1": "ey1", "ey0": "ey1", "IH2": "ih2"}
    assert {name: g2p.aliases[name] for name in names} == names
    given = Pronunciation({*g2p.aliases.values(), ","}, aliases=g2p.aliases)
    assert list(given.stretches("a [[B AH0 t]]")) == ["a", ["b", "ax0", "t"]]


def test_damaged_files_are_refused_by_name(guess, tmp_path):
    for name, content in (("cut.xz", lzma.compress(b"cat k")[:-9]), ("no.xz", b"cat")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=f"lexicon .*{name} is damaged"):
            LexiconG2p(tmp_path / name, guess)
    (tmp_path / "words.xz").write_bytes(lzma.compress(b"cat k ae1 t\nb b iy1\n"))
    with pytest.raises(ConfigError, match="has 2 words, but no line for a, c, d, e"):
        LexiconG2p(tmp_path / "words.xz", guess)
    (tmp_path / "guess.pth").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="guess.pth"):
        LetterToSound.load(tmp_path / "guess.pth")
    for other in ({"tts.weight": torch.ones(1)}, {**guess.sizes, "state_dict": {}}):
        torch.save(other, tmp_path / "guess.pth")
        with pytest.raises(CheckpointError, match="guess.pth is no file of Letter"):
            LetterToSound.load(tmp_path / "guess.pth")
