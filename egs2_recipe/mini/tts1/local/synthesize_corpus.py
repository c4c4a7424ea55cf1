#!/usr/bin/env python3
"""Synthesise the corpus of the mini recipe with libespeak-ng.

Writes, in the recipe directory,

    downloads/mini_<fingerprint>/*.wav       16-bit, mono, 22,050 Hz
    data/{tr_no_dev,dev,eval1}/wav.scp, text, utt2spk, spk2utt
    data/{tr_no_dev,dev,eval1}/phone_ends    true boundaries of the phones

A line of phone_ends is "<utt> <phone> <end> <phone> <end> ...": IPA names of espeak-ng
and ends in samples, pauses named "sil", the last end being the number of samples.

The same options and the same espeakng-loader give the same bytes. A corpus that is
complete with the same options is kept; an incomplete one is made again.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import wave
from dataclasses import asdict
from pathlib import Path

import numpy as np
from sentences import make_sentences

try:
    from espeak import SAMPLE_RATE, Espeak, Style
except ModuleNotFoundError as error:
    sys.exit(
        f"synthesize_corpus.py: no module {error.name!r}; the mini corpus is spoken by "
        "espeak-ng: pip install espeakng-loader phonemizer"
    )
from tqdm import tqdm

from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table

SETS = ("tr_no_dev", "dev", "eval1")
MARKER = Path("data/.mini_corpus.json")
# Tables of data/<set>, and what of an utterance they hold.
TABLES = {"text": "text", "utt2spk": "speaker", "phone_ends": "phone_ends"}
# Speakers of --num_voices and of --hidden_variation: intelligible variants that do not
# clip. The first is espeak-ng's American voice without a variant.
VARIANTS = (
    "", "f2", "m3", "f4", "m1", "f1", "m7", "f3", "m4", "Annie", "m2", "Alicia", "m8",
)  # fmt: skip


def main() -> None:
    """Parse the options, make the corpus, print where it is."""
    options = vars(get_parser().parse_args())
    espeak = Espeak()
    sources = [Path(__file__).with_name(f) for f in ("sentences.py", "espeak.py")]
    digest = hashlib.sha256(
        json.dumps([options, espeak.version], sort_keys=True).encode()
    )
    for source in (Path(__file__), *sources):
        digest.update(source.read_bytes())
    corpus = Path("downloads") / f"mini_{digest.hexdigest()[:12]}"
    marker = {**options, "espeak": espeak.version, "corpus": str(corpus)}
    if is_complete(marker):
        print(f"{corpus}: already there with these options, nothing to do")
        return
    MARKER.unlink(missing_ok=True)
    utts = plan(**options)
    seconds = synthesize(espeak, utts, corpus)
    write_data_dirs(utts, corpus)
    write_text(MARKER, json.dumps(marker, indent=1, sort_keys=True) + "\n")
    print(
        f"{len(utts)} sentences, {seconds / 60:.1f} minutes of speech in {corpus}; "
        + ", ".join(f"data/{s}: {sum(u['set'] == s for u in utts)}" for s in SETS)
    )


def get_parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    parser = argparse.ArgumentParser(
        description="Synthesise the corpus of the mini recipe with libespeak-ng.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--num_utts", type=_at_least(3), default=660, help="sentences in all"
    )
    parser.add_argument(
        "--num_voices",
        type=_voices,
        default=1,
        help=f"labelled speakers, 1 to {len(VARIANTS)}",
    )
    parser.add_argument(
        "--hidden_variation",
        type=_true_or_false,
        default=False,
        help="random voice variant, pitch, pitch range and rate in every utterance, "
        "without a label (true or false; needs --num_voices 1)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of sentences and styles")
    return parser


def plan(
    num_utts: int, num_voices: int, hidden_variation: bool, seed: int
) -> list[dict]:
    """Choose text, style, speaker and set of every utterance."""
    if hidden_variation and num_voices > 1:
        sys.exit(
            "synthesize_corpus.py: --hidden_variation true is variation without a "
            f"label, but --num_voices is {num_voices}; use one of them"
        )
    rng = random.Random(seed + 1)
    num_held_out = max(1, round(num_utts / 22))
    utts = []
    for index, text in enumerate(make_sentences(num_utts, seed)):
        variant = VARIANTS[index % num_voices]
        style = Style(voice=_voice(variant))
        if hidden_variation:
            style = random_style(rng)
        left = num_utts - index
        utts.append(
            {
                "utt": f"{_speaker(variant)}-{index:05d}",
                "speaker": _speaker(variant),
                "text": text,
                "style": style,
                "set": SETS[max(0, 2 - (left - 1) // num_held_out)],
            }
        )
    return utts


def random_style(rng: random.Random) -> Style:
    """Draw the voice, rate and pitch of an utterance of --hidden_variation."""
    return Style(
        voice=_voice(rng.choice(VARIANTS)),
        rate=rng.randint(140, 215),
        pitch=rng.randint(30, 70),
        pitch_range=rng.randint(20, 80),
    )


def _voice(variant: str) -> str:
    return f"en-us+{variant}" if variant else "en-us"


def _speaker(variant: str) -> str:
    return variant.lower() or "base"


def synthesize(espeak: Espeak, utts: list[dict], corpus: Path) -> float:
    """Synthesise every sentence into a new folder, named `corpus` when complete.

    Adds "phone_ends" to each of `utts`; returns the seconds of speech.
    """
    temporary = corpus.with_name(f".{corpus.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    num_samples = 0
    for utt in tqdm(utts, desc="synthesising", unit="utt", mininterval=1.0):
        samples, phones = espeak.synthesize(utt["text"], utt["style"])
        check_audio(samples, utt)
        utt["phone_ends"] = " ".join(f"{name} {end}" for name, end in phones)
        with wave.open(str(temporary / f"{utt['utt']}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(samples.astype("<i2").tobytes())
        num_samples += len(samples)
    shutil.rmtree(corpus, ignore_errors=True)
    os.replace(temporary, corpus)
    return num_samples / SAMPLE_RATE


def check_audio(samples: np.ndarray, utt: dict) -> None:
    """Stop at a sentence that came out silent, clipped or of an odd length."""
    peak = int(np.abs(samples.astype(np.int32)).max())
    seconds = len(samples) / SAMPLE_RATE
    rate = len(utt["text"]) / seconds
    if not (1000 <= peak < 32767 and 5 <= rate <= 40):
        sys.exit(
            f"synthesize_corpus.py: {utt['utt']} ({utt['text']!r}, "
            f"{asdict(utt['style'])}) came out with peak {peak} and {seconds:.2f} s; "
            "expected a peak of 1000 to 32766 and 5 to 40 letters a second"
        )


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


def _at_least(minimum: int):
    def parse(value: str) -> int:
        if int(value) < minimum:
            raise argparse.ArgumentTypeError(f"{value}: at least {minimum} expected")
        return int(value)

    return parse


def _voices(value: str) -> int:
    if not 1 <= int(value) <= len(VARIANTS):
        raise argparse.ArgumentTypeError(f"{value}: 1 to {len(VARIANTS)} expected")
    return int(value)


def _true_or_false(value: str) -> bool:
    if value not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{value!r}: true or false expected")
    return value == "true"


if __name__ == "__main__":
    main()
