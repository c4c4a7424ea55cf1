"""How much the data leave open: every test sentence spoken in many hidden styles.

The mini recipe's hidden variation draws a voice, pitch, pitch range and rate for each
sentence. Here every test sentence is spoken in several of them, brought to the timing
of its recording phone by phone (espeak-ng tells where its phones end), and the spread
of the normalised mels is measured as that of a model's draws is. Run it in the recipe:

    python3 ../../../benchmarks/data_spread.py --num_styles 16 \
        --model_file exp/tts_train_prodiff/valid.loss.best.pth --output spread.json
"""

import argparse
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from espnet_prodiff.fileio.audio import read_audio
from espnet_prodiff.fileio.tables import read_table

sys.path.insert(0, str(Path(__file__).parents[1] / "egs2_recipe/mini/tts1/local"))
from espeak import Espeak
from synthesize_corpus import random_style

from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.evaluation.measurement import measure
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.evaluation.metrics.diversity import (
    compare_histograms,
    fit_bins,
    histogram,
)
from espnet_prodiff.evaluation.metrics.mel_statistics import seed_spread
from espnet_prodiff.inference.loading import load_acoustic_model


def to_timing_of(
    mel: np.ndarray, ends: list[int], target_ends: list[int], hop: int
) -> np.ndarray:
    """Bring a mel (T, n_mels) to another timing of the same phones.

    Args:
        mel: Its frame k is centred at sample k * hop.
        ends: Ends of its phones in samples.
        target_ends: Those of the other timing.
        hop: Samples of a frame.

    Returns:
        Mel of the other timing, linear between frames, (target_ends[-1] // hop + 1,
        n_mels).
    """
    samples = np.arange(target_ends[-1] // hop + 1) * hop
    positions = np.interp(samples, [0, *target_ends], [0, *ends]) / hop
    frames = np.arange(len(mel))
    bins = [np.interp(positions, frames, row) for row in mel.T]
    return np.stack(bins, axis=1)


def main() -> None:
    """Speak, measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, default=Path("data/eval1"))
    parser.add_argument("--model_file", type=Path, required=True, help="has the mels")
    parser.add_argument("--num_styles", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    model, _ = load_acoustic_model(None, args.model_file)
    mels = MelModel(model, "mels")
    hop = model.feats_extract.get_parameters()["n_shift"]
    texts = read_table(args.data_dir / "text")
    truths = read_table(args.data_dir / "phone_ends")
    recordings = read_table(args.data_dir / "wav.scp")
    rng, espeak = random.Random(args.seed), Espeak()
    spoken: dict[str, np.ndarray] = {}
    left_out = 0
    for utt, text in tqdm(texts.items(), unit="utt"):
        truth = truths[utt].split()
        names, ends = truth[::2], [int(end) for end in truth[1::2]]
        rows = []
        for _ in range(args.num_styles):
            samples, phones = espeak.synthesize(text, random_style(rng))
            if [name for name, _ in phones] != names:
                left_out += 1
                continue
            wav = torch.from_numpy(samples.astype(np.float32) / 2**15)
            mel = mels.mel_of(wav).numpy()
            rows.append(to_timing_of(mel, [end for _, end in phones], ends, hop))
        spoken[utt] = np.stack(rows)
    recorded = [
        mels.mel_of(torch.from_numpy(read_audio(file, utt)).float()).numpy()
        for utt, file in recordings.items()
    ]
    frames = np.concatenate(recorded)
    bins = fit_bins(frames)
    truth_counts = histogram(bins, frames)
    # As many draws as the models are measured with.
    drawn = [np.concatenate([s[i % len(s)] for s in spoken.values()]) for i in range(5)]
    found = [compare_histograms(histogram(bins, d), truth_counts) for d in drawn]
    results = {
        "command": describe_command("benchmarks/data_spread.py"),
        "machine": describe_machine(),
        "spread": measure([seed_spread(s) for s in spoken.values()]).as_dict(),
        "ndb": measure([d.ndb for d in found]).as_dict(),
        "jsd": measure([d.jsd for d in found]).as_dict(),
        "left_out": left_out,
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
