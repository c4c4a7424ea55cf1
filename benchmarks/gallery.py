"""The sounds and pictures of the gallery: the same sentences by every system.

Models of text read them; vocoders resynthesise the recordings. Each system becomes one
ogg with all sentences and one picture of it.

    python3 benchmarks/gallery.py --data_dir dump/raw/eval1 --utts one two \
        --system "prodiff, teacher, 16 steps=exp/tts_cont/valid.loss.best.pth:16" \
        --system "diffwave, 50 steps=exp/tts_diffwave/valid.loss.best.pth:50" \
        --output_dir docs
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch

from espnet_prodiff.errors import VocoderError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet, read_evaluation_set
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes, plot_mel
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.audio import read_audio
from espnet_prodiff.fileio.figures import new_figure, save_figure
from espnet_prodiff.inference.find_model import find_model
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.wave_generator import WaveGenerator

Speak = Callable[[str], np.ndarray]  # utterance -> wave (T,)
SEED = 0
PAUSE = 0.3  # seconds between the sentences
SCALE = MelAxes(fs=22050, hop_length=256, n_mels=80, fmin=80, fmax=7600)


def speaker(
    model: str, num_steps: int | None, data: EvaluationSet
) -> tuple[Speak, int]:
    """What speaks or resynthesises an utterance, and its sampling rate."""
    options = {} if num_steps is None else {"num_steps": num_steps}
    files = find_model(model)
    try:
        vocoder = WaveGenerator(files["model_file"], files.get("train_config"))
    except VocoderError:  # it reads texts
        tts = Text2Speech(**files)
        return lambda utt: tts(data.texts[utt], seed=SEED, **options)["wav"], tts.fs
    if options:
        options["seed"] = SEED

    def resynthesize(utt: str) -> np.ndarray:
        wav = torch.from_numpy(
            read_audio(data.recordings[utt], utt, vocoder.fs)
        ).float()
        return vocoder.resynthesize(wav, **options)

    return resynthesize, vocoder.fs


def log_mel(wave: np.ndarray, fs: int) -> np.ndarray:
    """Decibels (T, n_mels) of a wave of any rate, as ``SCALE`` has them."""
    wave = librosa.resample(wave, orig_sr=fs, target_sr=SCALE.fs)
    options = {"hop_length": SCALE.hop_length, "n_mels": SCALE.n_mels}
    power = librosa.feature.melspectrogram(
        y=wave, sr=SCALE.fs, n_fft=1024, fmin=SCALE.fmin, fmax=SCALE.fmax, **options
    )
    return librosa.power_to_db(power, ref=np.max, top_db=70).T


def write(name: str, waves: list[np.ndarray], fs: int, folder: Path) -> str:
    """Write sound and picture of a system; returns the stem of their names."""
    pause = np.zeros(int(PAUSE * fs), np.float32)
    wave = np.concatenate([part for one in waves for part in (one, pause)][:-1])
    stem = "gallery_" + re.sub(r"\W+", "_", name)
    with atomic_path(folder / "audio" / f"{stem}.ogg") as temporary:
        soundfile.write(temporary, wave, fs, format="OGG", subtype="VORBIS")
    figure = new_figure(6.5, 1.7)
    axes = figure.subplots()
    plot_mel(axes, log_mel(wave, fs), SCALE, limits=(-70, 0), title=name)
    save_figure(figure, folder / "images" / f"{stem}.png")
    return stem


def main() -> None:
    """Speak, write, print the names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--utts", nargs="+", required=True)
    what = "NAME=MODEL or NAME=MODEL:STEPS; MODEL as that of espnet-prodiff say"
    parser.add_argument("--system", action="append", default=[], help=what)
    parser.add_argument("--output_dir", type=Path, required=True)
    args = parser.parse_args()
    data = read_evaluation_set(args.data_dir)
    recordings = [read_audio(data.recordings[utt], utt, data.fs) for utt in args.utts]
    recordings = [wave.astype(np.float32) for wave in recordings]
    print(write("recordings", recordings, data.fs, args.output_dir))
    for system in args.system:
        name, _, rest = system.partition("=")
        model, _, steps = rest.partition(":")
        speak, fs = speaker(model, int(steps) if steps else None, data)
        waves = [np.asarray(speak(utt), np.float32) for utt in args.utts]
        print(write(name, waves, fs, args.output_dir))


if __name__ == "__main__":
    main()
