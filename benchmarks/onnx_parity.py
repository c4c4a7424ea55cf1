"""How near an exported voice comes to torch: mels and waves, step by step.

Texts are the lines of tests/inference/normalization/english_lines.txt, of all kinds of
writing, and sentences of the flite recipe's grammar. Waves are compared twice: of the
voice as a whole, and of the vocoder alone, given the mel of torch. The time is that of
the process, one thread each, in turns.

    OMP_NUM_THREADS=1 python3 benchmarks/onnx_parity.py \
        --output benchmarks/results/onnx_parity.json
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff import Text2Speech
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.export.voice import export_voice
from espnet_prodiff.inference.find_model import find_model
from espnet_prodiff.runtime import Voice

GRAMMAR = Path("egs2_recipe/flite/tts1/local")
LINES = Path("tests/inference/normalization/english_lines.txt")
STEPS = (1, 2, 4)


def compare(
    text2speech: Text2Speech, voice: Voice, texts: list[str], num_steps: int
) -> dict[str, Any]:
    """Return the largest and the usual differences over texts, and the time of both."""
    rows, spent = [], {"torch": 0.0, "onnxruntime": 0.0}
    seconds = 0.0
    for seed, text in enumerate(texts):
        options = dict(num_steps=num_steps, seed=seed)
        start = time.process_time()
        expected = list(text2speech.stream(text, **options))
        middle = time.process_time()
        found = list(voice.stream(text, **options))
        spent["onnxruntime"] += time.process_time() - middle
        spent["torch"] += middle - start
        assert len(found) == len(expected), text
        for mine, theirs in zip(found, expected, strict=True):
            assert np.array_equal(mine["duration"], theirs["duration"].numpy()), text
            mel = theirs["feat_gen_denorm"].numpy()
            alone = voice.vocode({"feat_gen_denorm": mel}, {})["wav"]
            wav = theirs["wav"].numpy()
            seconds += len(wav) / voice.fs
            rows.append(
                [
                    np.abs(mine["feat_gen"] - theirs["feat_gen"].numpy()).max(),
                    np.abs(mine["wav"] - wav).max(),
                    np.abs(alone - wav[: len(alone)]).max(),
                    np.sqrt(np.mean((mine["wav"] - wav) ** 2) / np.mean(wav**2)),
                ]
            )
    names = ("mel", "wave", "wave_of_the_same_mel", "relative_rms_of_the_wave")
    columns = dict(zip(names, np.array(rows).T, strict=True))
    return {
        "sentences": len(rows),
        "seconds_of_speech": round(seconds, 1),
        "real_time_factor": {k: round(v / seconds, 4) for k, v in spent.items()},
        "largest": {k: float(f"{v.max():.3g}") for k, v in columns.items()},
        "median": {k: float(f"{np.median(v):.3g}") for k, v in columns.items()},
    }


def main() -> None:
    """Export, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", help="default: slt")
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    text2speech = Text2Speech(**find_model(args.voice))
    lines = LINES.read_text(encoding="utf-8").splitlines()
    texts = [line.split(" | ")[0] for line in lines if line]
    sys.path.insert(0, str(GRAMMAR))
    from grammar import make_sentences

    texts = (texts + make_sentences(args.texts, seed=0))[: args.texts]
    results: dict[str, Any] = {}
    for dtype in ("float32", "float16"):
        with tempfile.TemporaryDirectory() as folder:
            export_voice(args.voice, folder, dtype=dtype)
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
            voice = Voice(folder, threads=1)
            results[dtype] = {"size_MB": round(size / 1e6, 1)}
            for steps in STEPS:
                found = compare(text2speech, voice, texts, steps)
                results[dtype][f"{steps} steps"] = found
                print(dtype, steps, json.dumps(found), flush=True)
    about = {
        "command": describe_command("benchmarks/onnx_parity.py"),
        "machine": describe_machine(),
    }
    args.output.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
