"""Fine-tuning of a DiffWave vocoder on the mels of an acoustic model.

The acoustic model speaks the training data with their true durations ("ground-truth
aligned", GTA), and the vocoder learns to turn its mels into the recordings.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from espnet2.fileio.npy_scp import NpyScpReader, NpyScpWriter
from tqdm import tqdm

from espnet_prodiff.errors import ConfigError, DataError
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.inference.decoding import decode_files
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.streaming import INPUTS
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.wave_generator import WaveGenerator
from espnet_prodiff.recipe.phase import inherited_options, train_phase

PARTS = ("train", "valid")
DATA = "{}_data_path_and_name_and_type"  # ESPnet's option of a part


def finetune_vocoder(
    acoustic_model_file: Path,
    vocoder_file: Path,
    output_dir: Path,
    *,
    config: Path | None = None,
    num_steps: int | None = None,
    ngpu: int = 0,
    train_args: Sequence[str] = (),
) -> Path:
    """Make the mels that are not there yet, then train or resume.

    Args:
        acoustic_model_file: The acoustic model, its config.yaml beside it.
        vocoder_file: The DiffWave, its config.yaml beside it.
        output_dir: Experiment directory; the mels go to ``mels`` in it.
        config: Training config that wins over the vocoder's own.
        num_steps: Sampling steps of the acoustic model; default: its own.
        ngpu: GPUs.
        train_args: Options that win over the config.

    Returns:
        The tuned vocoder.

    Raises:
        FileNotFoundError: A file does not exist.
        UserError: The models do not go together, or a file cannot be used.
    """
    config_file = acoustic_model_file.with_name("config.yaml")
    acoustic_config = read_yaml(config_file, "config of the acoustic model")
    vocoder = WaveGenerator(vocoder_file)
    mels = MelContract.of_config(acoustic_config)
    mels.require_match(vocoder.contract, str(vocoder_file))
    config_file = vocoder_file.with_name("config.yaml")
    vocoder_config = read_yaml(config_file, "config of the vocoder")
    for part in PARTS:
        out = output_dir / "mels" / part
        if not (out / "feats.scp").exists():
            print(f"Mels of the {part} data: {out}", flush=True)
            half = out.with_name(f"{part}.half")
            text2speech = Text2Speech(
                model_file=acoustic_model_file,
                device="cuda" if ngpu else "cpu",
                use_teacher_forcing=True,
                num_steps=num_steps,
            )
            text2speech.vocoder = None  # mels alone
            key = DATA.format(part)
            _speak(text2speech, acoustic_config[key], vocoder_config[key], half)
            _normalize(vocoder, half, out)
    changes = {} if config is None else read_config(config)
    # The vocoder's own training, from its weights, on the other mels.
    merged = inherited_options(vocoder_config) | changes
    merged |= {name: vocoder_config[name] for name in ("tts", "tts_conf")}
    for part in PARTS:
        scp = str(output_dir / "mels" / part / "feats.scp")
        # DiffWave takes mels in the place of durations, see DiffWave.forward.
        key = DATA.format(part)
        files = [file for file in vocoder_config[key] if file[1] != "durations"]
        merged[key] = [*files, [scp, "durations", "npy"]]
    merged |= {"init_param": [str(vocoder_file)], "resume": True}
    train_phase(merged, output_dir, ngpu, train_args, "fine-tuning")
    return output_dir / vocoder_file.name


def _speak(
    text2speech: Text2Speech,
    acoustic_files: Sequence[Sequence[str]],
    vocoder_files: Sequence[Sequence[str]],
    out: Path,
) -> None:
    """Run stage 8 on the data of the acoustic model's training, with true durations."""
    inputs = {name: (path, name, kind) for path, name, kind in acoustic_files}
    keys = next(path for path, name, _ in vocoder_files if name == "text")
    lacking = sorted(read_table(keys).keys() - read_table(inputs["text"][0]).keys())
    if lacking:
        raise ConfigError(
            f"the acoustic model's data {inputs['text'][0]} lack {len(lacking)} of the "
            f"vocoder's utterances, {lacking[0]} for one: train both on the same sets"
        )
    shutil.rmtree(out, ignore_errors=True)
    files = [inputs[name] for name in ("text", *INPUTS) if name in inputs]
    if failures := decode_files(text2speech, files, out, key_file=keys):
        count = len(failures)
        raise DataError(f"{count} utterances could not be spoken: {failures[0]}")


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
