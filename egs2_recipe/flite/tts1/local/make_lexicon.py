#!/usr/bin/env python3
"""Ask flite how the words of a list are said, and learn to guess other words.

Writes lexicon.txt.xz, a line "word phone phone ..." each, and letter_to_sound.pth, both
for the g2p `espnet_prodiff_lexicon`, and prints how many phones and words are wrong of
every twentieth word, which the guesser has not heard.
"""

import argparse
import ctypes
import lzma
import random
import re
import time
import unicodedata
from pathlib import Path

import torch
from flite import Flite
from synthesize_corpus import read_words
from tokens import VOWELS, stressed_name
from torch.nn import functional as F
from tqdm import trange

from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.inference.letter_to_sound import (
    BLANK,
    LETTERS,
    STATES,
    LetterToSound,
    letter_numbers,
)

# Words that flite takes for function words: it does not accent them.
FUNCTION_WORDS = (
    "of for in on that with by at from as if against about before because under "
    "after over into while without through new between among until per up down to "
    "the a an no some this each another those every all any these both neither will "
    "may would can could should must ought might and but or plus yet nor who what "
    "where how when her his their its our mine is am are was were has have had be it "
    "them him off than"
).split()
# Where flite's only reading is the rarer one, or that of a letter.
READINGS = {"read": "r iy1 d", "US": "y uw1 eh1 s", "OK": "ow1 k ey1", "a": "ax0"}


class Lexicon:
    """flite's lexicon, CMU's with letter-to-sound rules behind it."""

    def __init__(self) -> None:
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        self._lib = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        lexicon = ctypes.CDLL("libflite_cmulex.so.1", mode=ctypes.RTLD_GLOBAL)
        for function, result, arguments in (
            (lexicon.cmu_lex_init, pointer, []),
            (self._lib.lex_lookup, pointer, [pointer, text, text, pointer]),
            (self._lib.val_car, pointer, [pointer]),
            (self._lib.val_cdr, pointer, [pointer]),
            (self._lib.val_string, text, [pointer]),
            (self._lib.delete_val, None, [pointer]),
        ):
            function.restype, function.argtypes = result, arguments
        self._lexicon = lexicon.cmu_lex_init()

    def __getitem__(self, word: str) -> str:
        """Return the phones of a lower-case word, vowels with a stress of 0 or 1."""
        phones = []
        value = first = self._lib.lex_lookup(self._lexicon, word.encode(), None, None)
        while value:
            name = self._lib.val_string(self._lib.val_car(value)).decode()
            phones.append(f"{name}0" if name in VOWELS else name)
            value = self._lib.val_cdr(value)
        self._lib.delete_val(first)
        return " ".join(phones)


def make_lexicon(words: list[str], tokens: set[str]) -> dict[str, str]:
    """Return the phones of words, lower-case and without accents, by the word.

    A vowel that is not among ``tokens``, what a voice has learnt, gets another stress.
    """
    flite, lexicon = Flite("slt"), Lexicon()
    plain = {
        unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
        for word in words
        if not word.endswith("'s") and (len(word) == 1 or not word.isupper())
    }
    known = {w: lexicon[w] for w in plain if re.fullmatch(f"[{LETTERS}]+", w)}
    # flite takes contractions apart before it looks them up.
    for word in (*FUNCTION_WORDS, *(w for w in known if "'" in w)):
        _, phones = flite.synthesize(f"{word}.")
        known[word] = " ".join(stressed_name(phone) for phone in phones[1:-1])
    known |= READINGS
    return {
        word: " ".join(learnt(phone, tokens) for phone in known[word].split())
        for word in sorted(known)
        if known[word]
    }


def learnt(phone: str, tokens: set[str]) -> str:
    """Return a phone, or its like of another stress, that is among ``tokens``."""
    likes = (phone[:-1] + stress for stress in "102")
    return phone if phone in tokens else next(like for like in likes if like in tokens)


def train(known: dict[str, str], epochs: int, seed: int) -> LetterToSound:
    """Train a guesser with CTC; ``known`` are words and their phones."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    phones = sorted({phone for line in known.values() for phone in line.split()})
    number = {phone: i for i, phone in enumerate(phones, 1)}
    words = [
        (letter_numbers(w), [number[p] for p in s.split()]) for w, s in known.items()
    ]
    words = [(w, p) for w, p in words if len(p) <= STATES * len(w)]
    model = LetterToSound(phones, channels=128, layers=5)
    batch = 64
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 3e-3, epochs * (len(words) // batch), pct_start=0.1
    )
    for _ in trange(epochs, desc="letter to sound", unit="epoch"):
        rng.shuffle(words)
        starts = list(range(0, len(words) - batch + 1, batch))
        for start in starts:
            letters, targets = zip(*words[start : start + batch], strict=True)
            padded = torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(w) for w in letters], batch_first=True
            )
            loss = F.ctc_loss(
                model(padded).transpose(0, 1),
                torch.tensor(sum(targets, [])),
                torch.tensor([STATES * len(w) for w in letters]),
                torch.tensor([len(p) for p in targets]),
                blank=BLANK,
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return model.eval()


def errors(found: list[str], expected: list[str]) -> int:
    """Return the insertions, deletions and substitutions between two lists."""
    row = list(range(len(expected) + 1))
    for i, one in enumerate(found, 1):
        before, row = row, [i]
        for j, other in enumerate(expected, 1):
            change = before[j - 1] + (one != other)
            row.append(min(before[j] + 1, row[-1] + 1, change))
    return row[-1]


def report(model: LetterToSound, words: dict[str, str]) -> str:
    """Say how often the guesser is wrong, with and without the stress."""
    parts = []
    for title, strip in (("with stress", ""), ("without stress", "012")):
        wrong = total = whole = 0
        for word, line in words.items():
            expected = [phone.rstrip(strip) for phone in line.split()]
            found = [phone.rstrip(strip) for phone in model[word]]
            count = errors(found, expected)
            wrong, total, whole = (
                wrong + count,
                total + len(expected),
                whole + bool(count),
            )
        shares = f"{wrong / total:.2%} of phones, {whole / len(words):.2%} of words"
        parts.append(f"{title} {shares}")
    return f"{len(words)} unheard words, wrong: {'; '.join(parts)}"


def main() -> None:
    """Make both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--word_list", default="/usr/share/dict/american-english")
    parser.add_argument(
        "--token_list", type=Path, default=Path("dump/token_list/phn_none/tokens.txt")
    )
    parser.add_argument("--output_dir", type=Path, default=Path("data/lexicon"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokens = set(args.token_list.read_text(encoding="utf-8").split())
    known = make_lexicon(read_words(args.word_list), tokens)
    start = time.process_time()
    heard = {w: p for i, (w, p) in enumerate(known.items()) if i % 20}
    model = train(heard, args.epochs, args.seed)
    print(f"{(time.process_time() - start) / 60:.1f} minutes of CPU time")
    print(report(model, {w: p for w, p in known.items() if w not in heard}))
    model.save(args.output_dir / "letter_to_sound.pth")
    text = "".join(f"{word} {phones}\n" for word, phones in known.items())
    with atomic_path(args.output_dir / "lexicon.txt.xz") as temporary:
        temporary.write_bytes(lzma.compress(text.encode(), preset=9))


if __name__ == "__main__":
    main()
