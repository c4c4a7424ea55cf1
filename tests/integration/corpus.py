"""A tiny corpus of tones, its statistics and its trained models, made in-process."""

from pathlib import Path

import numpy as np
import soundfile as sf
import yaml

FS, HOP, N_FFT, N_MELS = 16000, 256, 1024, 20
SENTENCES = {
    "u0": "ab",
    "u1": "bad cab",
    "u2": "add a bed",
    "u3": "cede",
    "u4": "dad",
    "u5": "a bee",
}


def make_corpus(root: Path, fs: int = FS) -> Path:
    """Write wav.scp, text, durations and tokens.txt under ``root``."""
    rng = np.random.default_rng(0)
    (root / "wav").mkdir(parents=True)
    lines = {"wav.scp": [], "text": [], "durations": [], "utt2sid": []}
    for number, (utt, sentence) in enumerate(SENTENCES.items()):
        durations = rng.integers(3, 9, size=len(sentence) + 1)
        samples = (durations.sum() - 1) * HOP + int(rng.integers(HOP))
        time = np.arange(samples) / fs
        tone = 0.3 * np.sin(2 * np.pi * (120 + 40 * number) * time)
        wav = root / "wav" / f"{utt}.wav"
        sf.write(wav, tone + 0.01 * rng.standard_normal(samples), fs, "PCM_16")
        lines["wav.scp"].append(f"{utt} {wav}")
        lines["text"].append(f"{utt} {sentence}")
        lines["durations"].append(f"{utt} {' '.join(map(str, durations))}")
        lines["utt2sid"].append(f"{utt} {number % 3 + 1}")
    for name, rows in lines.items():
        (root / name).write_text("\n".join(rows) + "\n")
    tokens = ["<blank>", "<unk>", "<space>", *"abcde", "<sos/eos>"]
    (root / "tokens.txt").write_text("\n".join(tokens) + "\n")
    return root


def common_options(corpus: Path) -> list[str]:
    """What stages 6 and 7 both pass for the corpus."""
    options = ["--use_preprocessor", "true", "--token_type", "char"]
    options += ["--token_list", f"{corpus}/tokens.txt"]
    options += ["--cleaner", "none", "--g2p", "none"]
    options += ["--feats_extract", "fbank"]
    for name, value in dict(
        n_fft=N_FFT, hop_length=HOP, fs=FS, fmin=80, fmax=7600, n_mels=N_MELS
    ).items():
        options += ["--feats_extract_conf", f"{name}={value}"]
    for part in ("pitch", "energy"):
        for name, value in dict(fs=FS, n_fft=N_FFT, hop_length=HOP).items():
            options += [f"--{part}_extract_conf", f"{name}={value}"]
    for part in ("train", "valid"):
        for file, name, kind in (
            ("text", "text", "text"),
            ("wav.scp", "speech", "sound"),
            ("durations", "durations", "text_int"),
        ):
            options += [f"--{part}_data_path_and_name_and_type"]
            options += [f"{corpus}/{file},{name},{kind}"]
    return options


def collect_stats(corpus: Path, config: str) -> Path:
    """Stage 6."""
    from espnet2.bin.aggregate_stats_dirs import main as aggregate

    from espnet_prodiff.bin.tts_train import main

    stats = corpus / "stats"
    options = [*common_options(corpus), "--config", config, "--collect_stats", "true"]
    options += ["--normalize", "none", "--pitch_normalize", "none"]
    options += ["--energy_normalize", "none", "--output_dir", f"{stats}/1"]
    for part in ("train", "valid"):
        options += [f"--{part}_shape_file", f"{corpus}/wav.scp"]
    main(options)
    aggregate(["--input_dir", f"{stats}/1", "--output_dir", str(stats)])
    return stats


def train_options(corpus: Path, config: str, output_dir: Path) -> list[str]:
    """Stage 7."""
    stats = corpus / "stats"
    options = [*common_options(corpus), "--config", config, "--resume", "true"]
    options += ["--normalize", "global_mvn"]
    for part, name in (("", "feats"), ("pitch_", "pitch"), ("energy_", "energy")):
        options += [f"--{part}normalize_conf"]
        options += [f"stats_file={stats}/train/{name}_stats.npz"]
    for part in ("train", "valid"):
        for name in ("text", "speech"):
            options += [f"--{part}_shape_file", f"{stats}/{part}/{name}_shape"]
    options += ["--output_dir", str(output_dir), "--ngpu", "0"]
    return options


def without_durations(options):
    pairs = zip(options[::2], options[1::2], strict=True)
    return [word for pair in pairs if ",durations," not in pair[1] for word in pair]


def train(corpus: Path, config: str, output_dir: Path, *more: str) -> Path:
    """Train in this process; returns the experiment directory."""
    from espnet_prodiff.bin.tts_train import main

    main([*train_options(corpus, config, output_dir), *more])
    return output_dir


def read_config(exp: Path) -> dict:
    return yaml.safe_load((exp / "config.yaml").read_text())
