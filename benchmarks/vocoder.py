"""The built-in vocoder against librosa's Griffin-Lim: quality and time, in one process.

Copy synthesis: the mels of recordings, back to waves. The two take turns on every
recording, and the time is the process's CPU time, so that other jobs count little.

    python3 benchmarks/vocoder.py --wav_scp dump/raw/eval1/wav.scp \
        --output benchmarks/results/vocoder.json
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from tqdm import tqdm

from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.evaluation.measurement import measure
from espnet_prodiff.evaluation.metrics.resynthesis import (
    log_mel_l1,
    pesq_wideband,
    short_time_intelligibility,
)
from espnet_prodiff.fileio.audio import read_audio
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.inference.builtin_vocoder import BuiltinVocoder
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.wave_generator import WaveGenerator

ROUNDS = (4, 8, 16, 32)


def librosa_vocoder(contract: MelContract, rounds: int) -> Callable:
    """Pseudo-inverse and librosa's fast Griffin-Lim: the vocoder before the built-in's.

    Args:
        contract: Of log-mels of base 10.
        rounds: Of Griffin-Lim.
    """
    matrix = librosa.filters.mel(
        sr=contract.fs,
        n_fft=contract.n_fft,
        n_mels=contract.n_mels,
        fmin=contract.fmin,
        fmax=contract.fmax,
    )
    inverse = np.linalg.pinv(matrix)

    def vocode(feats: torch.Tensor) -> torch.Tensor:
        mels = np.exp(feats.double().numpy() * np.log(10.0))
        magnitudes = np.maximum(1e-10, inverse @ mels.T)
        wave = librosa.griffinlim(
            magnitudes.astype(np.float32),
            n_iter=rounds,
            hop_length=contract.hop_length,
            n_fft=contract.n_fft,
            random_state=0,
        )
        return torch.from_numpy(wave)

    return vocode


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wav_scp", required=True, type=Path)
    parser.add_argument("--fs", type=int, default=22050)
    parser.add_argument("--threads", type=int, default=1)
    what = "Trained vocoders of ours beside them, name=file.pth"
    parser.add_argument(
        "--models", nargs="*", default=[], metavar="NAME=FILE", help=what
    )
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    extract = LogMelFbank(fs=args.fs, n_fft=1024, hop_length=256, fmin=80, fmax=7600)
    contract = MelContract.of_feats_extract(extract)
    vocoders = {"librosa, 32 rounds": librosa_vocoder(contract, 32)}
    vocoders |= {f"built-in, {n} rounds": BuiltinVocoder(contract, n) for n in ROUNDS}
    for model in args.models:
        name, file = model.split("=", 1)
        vocoders[name] = WaveGenerator(file)
    scores = {name: {} for name in vocoders}
    table = read_table(args.wav_scp)
    for number, (utt, file) in enumerate(tqdm(table.items(), unit="utt")):
        wav = read_audio(file, utt, args.fs)
        mel = extract(torch.from_numpy(wav).float()[None])[0][0]
        for name, vocode in vocoders.items():
            if not number:
                vocode(mel)  # libraries load and compile
            start = time.process_time()
            result = vocode(mel)
            seconds = time.process_time() - start
            wave = result.double().numpy()
            length = min(len(wav), len(wave))
            pair = (wav[:length], wave[:length])
            for key, value in (
                ("pesq", pesq_wideband(*pair, args.fs)),
                ("stoi", short_time_intelligibility(*pair, args.fs)),
                ("log_mel_l1", log_mel_l1(*pair, extract)),
                ("times_real_time", len(wav) / args.fs / seconds),
            ):
                scores[name].setdefault(key, []).append(value)
    results = {
        "about": {
            "data": f"{args.wav_scp}, {len(table)} recordings, {args.fs} Hz",
            "machine": describe_machine(),
            "command": describe_command("benchmarks/vocoder.py"),
            "time": f"CPU time of the process, {args.threads} thread",
        },
        "systems": [
            {"name": name, **{k: measure(v).as_dict() for k, v in rows.items()}}
            for name, rows in scores.items()
        ],
    }
    for system in results["systems"]:
        values = (f"{k} {v['mean']:.3f}" for k, v in system.items() if k != "name")
        print(f"{system['name']:22}", "  ".join(values))
    before, after = (
        scores[f"{name} rounds"] for name in ("librosa, 32", "built-in, 8")
    )
    ratios = np.divide(after["times_real_time"], before["times_real_time"])
    low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
    results["speed_ratio"] = {"10 %": low, "median": middle, "90 %": high}
    print(f"built-in, 8 rounds is {middle:.1f} ({low:.1f} - {high:.1f}) times as fast")
    if args.output is not None:
        text = json.dumps(results, indent=1, allow_nan=False)
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
