#!/usr/bin/env python3
"""Synthesise the corpus of the mini recipe with libespeak-ng.

Writes, in the recipe directory,

    downloads/mini_<fingerprint>/*.wav       16-bit, mono, 22,050 Hz
    data/{tr_no_dev,dev,eval1}/wav.scp, text, utt2spk, spk2utt
    data/{tr_no_dev,dev,eval1}/phone_ends    the truth about the phones

A line of phone_ends is "<utt> <phone> <end> <phone> <end> ...": IPA names of espeak-ng
and ends in samples, pauses named "sil", the last end being the number of samples.

Same options and same espeakng-loader, same bytes. Interrupted, it starts again
and leaves no half-made corpus; done with the same options, it does nothing.
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

SETS = ("tr_no_dev", "dev", "eval1")
MARKER = Path("data/.mini_corpus.json")
# Speakers of --num_voices, and what --hidden_variation draws from: intelligible
# variants that do not clip. The first is espeak-ng's own American voice.
VARIANTS = (
    "",
    "f2",
    "m3",
    "f4",
    "m1",
    "f1",
    "m7",
    "f3",
    "m4",
    "Annie",
    "m2",
    "Alicia",
    "m8",
)


def main() -> None:
    """Parse the options, do the work, say where the corpus is."""
    args = get_parser().parse_args()
    options = {
        "num_utts": args.num_utts,
        "num_voices": args.num_voices,
        "hidden_variation": args.hidden_variation,
        "seed": args.seed,
    }
    espeak = Espeak()
    sources = [Path(__file__).with_name(f) for f in ("sentences.py", "espeak.py")]
    digest = hashlib.sha256(
        json.dumps([options, espeak.version], sort_keys=True).encode()
    )
    for source in (Path(__file__), *sources):
        digest.update(source.read_bytes())
    corpus = Path("downloads") / f"mini_{digest.hexdigest()[:12]}"
    done = {**options, "espeak": espeak.version, "corpus": str(corpus)}
    if is_complete(done):
        print(f"{corpus}: already there with these options, nothing to do")
        return
    MARKER.unlink(missing_ok=True)
    utts = plan(**options)
    seconds = synthesize(espeak, utts, corpus)
    write_data_dirs(utts, corpus)
    write_atomically(MARKER, json.dumps(done, indent=1, sort_keys=True) + "\n")
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
        help="draw voice variant, pitch, pitch range and rate for every utterance, "
        "without a label (true or false; needs --num_voices 1)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of sentences and styles")
    return parser


def plan(
    num_utts: int, num_voices: int, hidden_variation: bool, seed: int
) -> list[dict]:
    """Decide what is said, how, by whom, and in which set."""
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
            style = draw_style(rng)
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


def draw_style(rng: random.Random) -> Style:
    """Draw what --hidden_variation leaves untold of an utterance."""
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
    """Speak every sentence into a new folder and name it `corpus` when complete.

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
        lines = {
            "wav.scp": [f"{u['utt']} {corpus}/{u['utt']}.wav" for u in members],
            "text": [f"{u['utt']} {u['text']}" for u in members],
            "utt2spk": [f"{u['utt']} {u['speaker']}" for u in members],
            "spk2utt": [f"{s} {' '.join(ids)}" for s, ids in sorted(speakers.items())],
            "phone_ends": [f"{u['utt']} {u['phone_ends']}" for u in members],
        }
        for file, content in lines.items():
            write_atomically(
                Path("data") / name / file, "".join(f"{line}\n" for line in content)
            )


def is_complete(done: dict) -> bool:
    """Say whether the marker has these options and nothing was lost since."""
    try:
        if json.loads(MARKER.read_text()) != done:
            return False
        for name in SETS:
            for line in (Path("data") / name / "wav.scp").read_text().splitlines():
                if not Path(line.split(maxsplit=1)[1]).is_file():
                    return False
            for file in ("text", "utt2spk", "spk2utt", "phone_ends"):
                if not (Path("data") / name / file).is_file():
                    return False
    except (OSError, ValueError):
        return False
    return True


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is either complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


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
