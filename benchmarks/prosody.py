"""How far voices follow pitch, energy and speed: what is asked for, what is measured.

Sentences are of the flite recipe's grammar, none of its training. Each is spoken with
and without the change, from the same noise: F0 by DIO and StoneMask over frames voiced
in both, level and length of the whole wave.

    OMP_NUM_THREADS=1 python3 benchmarks/prosody.py --voice "now=slt" \
        --voice "before=old.zip" --output benchmarks/results/prosody.json
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyworld

from espnet_prodiff import Text2Speech
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.inference.find_model import find_model

GRAMMAR = Path(__file__).parents[1] / "egs2_recipe" / "flite" / "tts1" / "local"
ASKED = {
    "pitch": (-4, -2, 2, 4),  # semitones
    "energy": (-3, 3),  # dB
    "speed": (0.7, 1.5),
}


def f0(wav: np.ndarray, fs: int) -> np.ndarray:
    """Return F0 every 5 ms in Hz, 0 where unvoiced."""
    coarse, times = pyworld.dio(wav, fs, f0_floor=60.0, f0_ceil=500.0)
    return pyworld.stonemask(wav, coarse, times, fs)


def moved(option: str, plain: np.ndarray, changed: np.ndarray, fs: int) -> float:
    """Return by how much a wave has moved, in the unit of the option."""
    if option == "speed":
        return len(plain) / len(changed)
    if option == "energy":
        return float(10 * np.log10(np.mean(changed**2) / np.mean(plain**2)))
    tracks = f0(plain, fs), f0(changed, fs)
    voiced = (tracks[0] > 0) & (tracks[1] > 0)
    return float(12 * np.mean(np.log2(tracks[1][voiced] / tracks[0][voiced])))


def measure(text2speech: Text2Speech, texts: list[str]) -> dict[str, Any]:
    """Return mean and standard error over texts of every change."""

    def speak(text: str, **options: float) -> np.ndarray:
        return text2speech(text, seed=0, **options)["wav"].double().numpy()

    plain = {text: speak(text) for text in texts}
    voiced = np.concatenate([t[t > 0] for t in (f0(w, 16000) for w in plain.values())])
    results: dict[str, Any] = {
        "f0_hz": round(float(np.exp(np.log(voiced).mean())), 2),
    }
    for option, values in ASKED.items():
        results[option] = {}
        for value in values:
            found = [
                moved(option, wav, speak(text, **{option: value}), text2speech.fs)
                for text, wav in plain.items()
            ]
            results[option][str(value)] = {
                "mean": round(float(np.mean(found)), 3),
                "standard_error": round(float(np.std(found) / len(found) ** 0.5), 3),
                "spread": round(float(np.std(found)), 3),
            }
    return results


def main() -> None:
    """Speak, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", action="append", required=True, help="name=voice")
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    sys.path.insert(0, str(GRAMMAR))
    from grammar import make_sentences

    texts = make_sentences(args.texts, seed=13)
    results = {}
    for name, _, voice in (given.partition("=") for given in args.voice):
        results[name] = measure(Text2Speech(**find_model(voice)), texts)
        print(name, json.dumps(results[name]), flush=True)
    about = {
        "command": describe_command("benchmarks/prosody.py"),
        "machine": describe_machine(),
        "data": f"{args.texts} sentences of the flite recipe's grammar, seed 13",
    }
    content = json.dumps({"about": about, "results": results}, indent=1)
    write_text(args.output, content + "\n")


if __name__ == "__main__":
    main()
