"""Fine-tune a DiffWave vocoder on the mels of the acoustic model that it will serve.

The acoustic model speaks the training data with their true durations ("ground-truth
aligned", GTA), and the vocoder learns to make the recordings of its mels.

Example:
    python3 -m espnet_prodiff.bin.finetune_vocoder \
        --acoustic_model_file exp/tts_prodiff/valid.loss.best.pth \
        --vocoder_file exp/tts_diffwave/valid.loss.best.pth \
        --config conf/finetune_diffwave.yaml --output_dir exp/tts_diffwave_gta
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from espnet2.fileio.npy_scp import NpyScpReader, NpyScpWriter
from tqdm import tqdm

from espnet_prodiff.bin import tts_inference
from espnet_prodiff.errors import ConfigError, one_message
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.text2speech import INPUTS
from espnet_prodiff.inference.wave_generator import WaveGenerator
from espnet_prodiff.recipe.phase import inherited_options, train_phase

PARTS = ("train", "valid")


def get_parser() -> argparse.ArgumentParser:
    """Options; unknown ones are passed on to the training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--acoustic_model_file", required=True, type=Path)
    parser.add_argument("--vocoder_file", required=True, type=Path)
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument(
        "--config", type=Path, help="Training config that wins over the vocoder's own"
    )
    parser.add_argument(
        "--num_steps", help="Sampling steps of the acoustic model; default: its own"
    )
    parser.add_argument("--ngpu", type=int, default=0)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Make the mels that are not there yet, then train or resume."""
    args, train_args = get_parser().parse_known_args(cmd)
    acoustic = read_yaml(
        args.acoustic_model_file.parent / "config.yaml", "config of the acoustic model"
    )
    vocoder = WaveGenerator(args.vocoder_file)
    MelContract.of_config(acoustic).require_match(
        vocoder.contract, str(args.vocoder_file)
    )
    config = read_yaml(
        args.vocoder_file.parent / "config.yaml", "config of the vocoder"
    )
    for part in PARTS:
        mels = args.output_dir / "mels" / part
        if not (mels / "feats.scp").exists():
            print(f"Mels of the {part} data: {mels}", flush=True)
            _speak(args, acoustic, config, part, mels.with_name(f"{part}.half"))
            _normalize(vocoder, mels.with_name(f"{part}.half"), mels)
    own = {} if args.config is None else read_config(str(args.config))
    merged = training_config(args, config, own)
    train_phase(merged, args.output_dir, args.ngpu, train_args, "fine-tuning")
    print(f"Fine-tuned vocoder: {args.output_dir / args.vocoder_file.name}", flush=True)


def training_config(
    args: argparse.Namespace, config: dict[str, Any], own: dict[str, Any]
) -> dict[str, Any]:
    """The vocoder's own training, from its weights, on the acoustic model's mels."""
    merged = inherited_options(config) | own
    merged |= {"tts": config["tts"], "tts_conf": config["tts_conf"]}
    for part in PARTS:
        key = f"{part}_data_path_and_name_and_type"
        mels = str(args.output_dir / "mels" / part / "feats.scp")
        # DiffWave takes mels in the place of durations, see DiffWave.forward.
        triples = [triple for triple in config[key] if triple[1] != "durations"]
        merged[key] = [*triples, [mels, "durations", "npy"]]
    merged["init_param"] = [str(args.vocoder_file)]
    merged["resume"] = True
    return merged


def _speak(
    args: argparse.Namespace,
    acoustic: dict[str, Any],
    config: dict[str, Any],
    part: str,
    out: Path,
) -> None:
    """Stage 8 on the data that the acoustic model was trained on, with true durations.

    Raises:
        ConfigError: If the acoustic model was not trained on the vocoder's data.
    """
    key = f"{part}_data_path_and_name_and_type"
    mine, theirs = (
        {name: (path, kind) for path, name, kind in triples}
        for triples in (config[key], acoustic[key])
    )
    wanted, known = (_utterances(files["text"][0]) for files in (mine, theirs))
    if lacking := sorted(set(wanted) - set(known)):
        raise ConfigError(
            f"the acoustic model's {key} lacks {len(lacking)} of the vocoder's "
            f"utterances, {lacking[0]} for one: train both on the same sets"
        )
    shutil.rmtree(out, ignore_errors=True)
    options = ["--model_file", str(args.acoustic_model_file)]
    options += ["--output_dir", str(out), "--key_file", mine["text"][0]]
    options += ["--use_teacher_forcing", "true", "--features_only", "true"]
    options += ["--ngpu", str(min(args.ngpu, 1))]
    if args.num_steps is not None:
        options += ["--num_steps", args.num_steps]
    for name in ("text", *INPUTS):
        if name in theirs:
            path, kind = theirs[name]
            options += ["--data_path_and_name_and_type", f"{path},{name},{kind}"]
    tts_inference.main(options)


def _normalize(vocoder: WaveGenerator, spoken: Path, out: Path) -> None:
    """Write the mels as the vocoder's own training sees them, then remove the rest."""
    mels = NpyScpReader(spoken / "denorm" / "feats.scp")
    normalize = vocoder.model.normalize
    half = spoken.with_name(f"{spoken.name}.scp")
    with NpyScpWriter(out / "data", half) as writer:
        for utt in tqdm(mels, total=len(mels), unit="utt", disable=None):
            mel = torch.from_numpy(mels[utt]).float()[None]
            writer[utt] = (mel if normalize is None else normalize(mel)[0])[0].numpy()
    half.replace(out / "feats.scp")
    shutil.rmtree(spoken)


def _utterances(table: str) -> list[str]:
    with open(table, encoding="utf-8") as lines:
        return [line.split(maxsplit=1)[0] for line in lines if line.strip()]


if __name__ == "__main__":
    with one_message("finetune_vocoder"):
        main()
