#!/usr/bin/env python3
"""Let flite read the sentences of this recipe; its phones and their ends are exact.

Writes, in the recipe directory,

    downloads/flite_<fingerprint>/*.wav      16-bit, mono, 16,000 Hz
    data/{tr_no_dev,dev,eval1}/wav.scp, text, durations, utt2spk, spk2utt
    data/{tr_no_dev,dev,eval1}/sentences     what flite was given to read

text holds tokens (local/tokens.py), durations their frames of 256 samples and eos's.
Every second sentence but those of the test set is read three times: as the voice
speaks, so much higher, and as much lower (--pitch_range), for a model that can be asked
for another pitch.
The same options and the same flite give the same bytes. A corpus that is complete with
the same options is kept; an incomplete one is made again.
"""

import argparse
import hashlib
import json
import math
import os
import random
import shutil
import sys
import wave
from pathlib import Path

import numpy as np
from flite import PACKAGE, SAMPLE_RATE, VOICES, Flite
from sentences import make_texts
from tokens import HOP, frames, tokens_and_ends
from tqdm import tqdm

from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table

SETS = ("tr_no_dev", "dev", "eval1")
MARKER = Path("data/.flite_corpus.json")
# Tables of data/<set>, and what of an utterance they hold.
TABLES = {
    "text": "tokens",
    "durations": "durations",
    "utt2spk": "speaker",
    "sentences": "sentence",
}


def main() -> None:
    """Parse the options, make the corpus, print where it is."""
    options = vars(get_parser().parse_args())
    words = read_words(options["word_list"])
    try:
        voices = {name: Flite(name) for name in options["voices"]}
    except OSError as error:
        sys.exit(
            f"synthesize_corpus.py: flite is not installed ({error}): install the "
            f"package {PACKAGE} of Debian or Ubuntu (apt-get install {PACKAGE})"
        )
    digest = hashlib.sha256(json.dumps([options, words], sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    corpus = Path("downloads") / f"flite_{digest.hexdigest()[:12]}"
    marker = {**options, "corpus": str(corpus)}
    if is_complete(marker):
        print(f"{corpus}: already there with these options, nothing to do")
        return
    MARKER.unlink(missing_ok=True)
    utts = plan(words, options["voices"], options["num_utts"], options["seed"])
    utts = at_other_pitches(utts, options["pitch_range"], options["seed"])
    seconds = synthesize(voices, utts, corpus)
    write_data_dirs(utts, corpus)
    write_text(MARKER, json.dumps(marker, indent=1, sort_keys=True) + "\n")
    print(
        f"{len(utts)} utterances, {seconds / 60:.1f} minutes of speech in {corpus}; "
        + ", ".join(f"data/{s}: {sum(u['set'] == s for u in utts)}" for s in SETS)
    )
    print(coverage(utts))


def get_parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    parser = argparse.ArgumentParser(
        description="Let flite read the sentences of this recipe.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--voices", nargs="+", choices=VOICES, default=["slt"], help="speakers"
    )
    parser.add_argument("--num_utts", type=int, default=2200, help="sentences in all")
    parser.add_argument(
        "--pitch_range",
        type=float,
        default=6.0,
        help="semitones; half of the sentences, but none of the test, are read again "
        "up to so much higher and as much lower; 0: none",
    )
    parser.add_argument(
        "--word_list",
        default="/usr/share/dict/american-english",
        help="a word a line (Debian's package wamerican)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sentences")
    return parser


def read_words(path: str) -> list[str]:
    """Read the word list.

    Its absence ends the script with a line that names the package.
    """
    try:
        return Path(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        sys.exit(
            f"synthesize_corpus.py: no word list {path}: install the package wamerican "
            "of Debian or Ubuntu (apt-get install wamerican), or pass --word_list"
        )


def plan(words: list[str], voices: list[str], num_utts: int, seed: int) -> list[dict]:
    """Choose sentence, speaker and set of every utterance, speakers in turn."""
    num_held_out = max(1, round(num_utts / 30))
    utts = []
    for index, sentence in enumerate(make_texts(num_utts, words, seed)):
        speaker = voices[index // 2 % len(voices)]  # two kinds of sentences alternate
        left = num_utts - index
        utts.append(
            {
                "utt": f"{speaker}-{index:05d}",
                "speaker": speaker,
                "sentence": sentence,
                "semitones": 0.0,
                "set": SETS[max(0, 2 - (left - 1) // num_held_out)],
            }
        )
    return utts


def at_other_pitches(utts: list[dict], pitch_range: float, seed: int) -> list[dict]:
    """Have every second sentence of each speaker read higher and lower too.

    Both by the same interval: what a sentence's pitch is in the mean, which is what a
    pitch predictor learns, stays what the voice does by itself. Not those of the test.
    """
    rng = random.Random(seed)
    seen: dict[tuple, int] = {}
    more = []
    for index, utt in enumerate(utts):
        if utt["set"] == SETS[2] or not pitch_range:
            continue
        kind = (utt["speaker"], index % 2)  # of speakers and of sentences
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] % 2:
            interval = rng.uniform(0.0, pitch_range)
            for name, semitones in (("high", interval), ("low", -interval)):
                other = {"utt": f"{utt['utt']}-{name}", "semitones": semitones}
                more.append({**utt, **other})
    return utts + more


def synthesize(voices: dict[str, Flite], utts: list[dict], corpus: Path) -> float:
    """Read every sentence into a new folder, named `corpus` when complete.

    Adds "tokens" and "durations" to each of `utts`; returns the seconds of speech.
    """
    temporary = corpus.with_name(f".{corpus.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    num_samples = 0
    for utt in tqdm(utts, desc="flite reads", unit="utt", mininterval=1.0):
        voice = voices[utt["speaker"]]
        samples, phones = voice.synthesize(utt["sentence"], utt["semitones"])
        # The silence before the first word is left out, but for a frame.
        start = max(0, math.floor(phones[0].end) - HOP)
        samples = samples[start:]
        peak = int(np.abs(samples.astype(np.int32)).max())
        if not 1000 <= peak < 32767:
            sys.exit(f"synthesize_corpus.py: {utt} came out with peak {peak}")
        tokens, ends = tokens_and_ends(phones)
        spoken = frames([end - start for end in ends], len(samples))
        utt["tokens"] = " ".join(tokens)
        utt["durations"] = " ".join(map(str, spoken))
        with wave.open(str(temporary / f"{utt['utt']}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(samples.astype("<i2").tobytes())
        num_samples += len(samples)
    shutil.rmtree(corpus, ignore_errors=True)
    os.replace(temporary, corpus)
    return num_samples / SAMPLE_RATE


def write_data_dirs(utts: list[dict], corpus: Path) -> None:
    """Write Kaldi's files, sorted as LC_ALL=C sorts them."""
    for name in SETS:
        members = sorted((u for u in utts if u["set"] == name), key=lambda u: u["utt"])
        speakers: dict[str, list[str]] = {}
        for utt in members:
            speakers.setdefault(utt["speaker"], []).append(utt["utt"])
        tables = {
            "wav.scp": {u["utt"]: f"{corpus}/{u['utt']}.wav" for u in members},
            "spk2utt": {s: " ".join(utts) for s, utts in sorted(speakers.items())},
            **{
                file: {u["utt"]: u[key] for u in members}
                for file, key in TABLES.items()
            },
        }
        for file, table in tables.items():
            write_table(Path("data") / name / file, table)


def coverage(utts: list[dict]) -> str:
    """Say how many phones, and pairs of them, the training set has."""
    train, held_out = set(), []
    phones = set()
    for utt in utts:
        tokens = [token.rstrip("012") for token in utt["tokens"].split()]
        pairs = list(zip(tokens, tokens[1:], strict=False))
        if utt["set"] == SETS[0]:
            train.update(pairs)
            phones.update(tokens)
        else:
            held_out += pairs
    known = sum(pair in train for pair in held_out) / len(held_out)
    return (
        f"training set: {len(phones)} phones and pauses, {len(train)} pairs of them; "
        f"{known:.2%} of the pairs in the other sets are among these"
    )


def is_complete(marker: dict) -> bool:
    """Return True if a corpus with this marker is there and lacks no file."""
    try:
        if json.loads(MARKER.read_text(encoding="utf-8")) != marker:
            return False
        files = [
            Path("data") / name / file for name in SETS for file in ("spk2utt", *TABLES)
        ]
        for name in SETS:
            files += map(Path, read_table(Path("data") / name / "wav.scp").values())
    except (OSError, ValueError):
        return False
    return all(file.is_file() for file in files)


if __name__ == "__main__":
    main()
