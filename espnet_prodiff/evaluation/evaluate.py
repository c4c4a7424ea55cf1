"""The whole evaluation: load, score, write the table and the pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.machine import describe_machine
from espnet_prodiff.evaluation.mel_inputs import mel_inputs
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.evaluation.metrics import RESYNTHESIS
from espnet_prodiff.evaluation.plots.losses import plot_trainings
from espnet_prodiff.evaluation.plots.models import ModelPlots
from espnet_prodiff.evaluation.plots.steps import plot_steps
from espnet_prodiff.evaluation.plots.systems import plot_decoded_mels
from espnet_prodiff.evaluation.score_mels import score_models
from espnet_prodiff.evaluation.score_speech import score_systems
from espnet_prodiff.evaluation.systems import System
from espnet_prodiff.evaluation.table import Results, write_results
from espnet_prodiff.extras import install_command
from espnet_prodiff.fileio.audio import read_audio, write_audio
from espnet_prodiff.inference.loading import load_acoustic_model
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.text2speech import Text2Speech

UPPER_BOUND = "recordings through the vocoder"


@dataclass(frozen=True)
class ModelFile:
    """A model's row in the table, weights (config.yaml beside them) and sampling steps.

    ``num_steps`` None is the model's own number.
    """

    name: str
    path: Path
    num_steps: int | None = None


def evaluate(
    data: EvaluationSet,
    output_dir: str | Path,
    *,
    systems: Sequence[System] = (),
    models: Sequence[ModelFile] = (),
    train_config: str | Path | None = None,
    vocoder_file: str | None = None,
    vocoder_config: str | Path | None = None,
    num_seeds: int = 4,
    variance: str = "predicted",
    f0_range: tuple[float, float] = (80.0, 400.0),
    nj: int = 1,
    num_pictures: int = 3,
    command: str | None = None,
) -> tuple[Results, list[Path]]:
    """Score decoded systems by their waveforms and models by their mels.

    A system and a model of one name share a row. The recordings through the first
    model's features and the vocoder are scored beside the systems, as an upper bound.

    Args:
        data: The test set; models are scored only with reference durations.
        output_dir: Gets ``results.md``, ``results.json``, ``copy_synthesis``, and
            pictures and audio in ``images`` and ``audio``.
        systems: Decoded directories.
        models: The first is the reference of the distance.
        train_config: Training config of the features, where there is no model.
        vocoder_file: Default: the built-in vocoder.
        vocoder_config: Of the vocoder.
        num_seeds: Samples of each model.
        variance: "predicted" or "true" pitch and energy of the models' mels.
        f0_range: Lowest and highest F0 in Hz.
        nj: Number of processes for the waveforms.
        num_pictures: Utterances to plot; 0 for no pictures and no audio of the seeds.
        command: The command line, to be noted in the results.

    Returns:
        The results, and the files written; the first two are the tables.

    Raises:
        UserError: A file, system, model or option cannot be used.
        FileNotFoundError: A model does not exist.
    """
    output_dir = Path(output_dir)
    for system in systems:
        system.require_wavs(data)
    text2speech, loaded = _load(
        data, models, train_config, vocoder_file, vocoder_config
    )
    durations = data.durations_file or "none"
    about = {
        "data": f"{data.directory}, {len(data)} utterances, {data.fs} Hz; "
        f"reference durations: {durations}",
        "machine": describe_machine(),
    }
    results = Results(about | ({"command": f"`{command}`"} if command else {}))
    if models and not loaded:
        results.notes.append("the models' mels were not scored: no reference durations")
    utterances = (
        mel_inputs(data, text2speech.text_to_ids, loaded[0].tts) if loaded else []
    )
    if systems:
        scored = list(systems)
        if text2speech.vocoder is not None:
            copied = System(UPPER_BOUND, output_dir / "copy_synthesis", True)
            copy_synthesis(data, text2speech.feats_extract, text2speech.vocoder, copied)
            scored.insert(0, copied)
        scores = score_systems(data, scored, text2speech.feats_extract, f0_range, nj)
        if any(system.is_resynthesis for system in scored):
            results.notes += [
                f"{metric.header} was not measured, as the package is missing: "
                + install_command(metric.extra)
                for metric in RESYNTHESIS
                if metric.extra is not None and metric.is_missing
            ]
        for name, of_speech in scores.items():
            results.add(name, of_speech)
    seeds = range(num_seeds)
    if loaded:
        results.about["mels"] = (
            f"{num_seeds} draws of each model, reference durations, "
            f"{variance} pitch and energy"
        )
        for name, values in score_models(loaded, utterances, seeds, variance).items():
            results.add(name, values)
    files = list(write_results(results, output_dir))
    if num_pictures < 1:
        return results, files

    images = output_dir / "images"
    if loaded:
        shown = utterances[:num_pictures]
        plots = ModelPlots(loaded, shown, data, variance, output_dir)
        files += plots.plot_mels()
        files += plots.plot_alignments(text2speech.train_args.token_list)
        files += plots.plot_sampling()
        if num_seeds > 1:
            files += plots.plot_seeds(seeds, text2speech.vocoder)
    if systems:
        utts = list(data)[:num_pictures]
        files += plot_decoded_mels(
            systems, text2speech.feats_extract, data, utts, images
        )
    exp_dirs = [model.path.parent for model in models]
    if not exp_dirs and train_config:
        exp_dirs = [Path(train_config).parent]
    files += plot_trainings(list(dict.fromkeys(exp_dirs)), images)
    steps = {model.name: model.steps for model in loaded if model.steps}
    if len(set(steps.values())) > 1:
        files.append(plot_steps(results.rows, steps, images / "steps.png"))
    return results, files


@torch.no_grad()
def copy_synthesis(
    data: EvaluationSet,
    feats_extract: Any,
    vocoder: Callable[[torch.Tensor], torch.Tensor],
    system: System,
) -> None:
    """Write the recordings through features and vocoder into ``system``.

    No model can sound better with this vocoder, from log-mels (T, n_mels) to a waveform
    (T_wav,). ``feats_extract`` is ESPnet's feature extractor.
    """
    for utt in tqdm(data, UPPER_BOUND, len(data), unit="utt", mininterval=1.0):
        speech = read_audio(data.recordings[utt], utt, data.fs)
        mel = feats_extract(torch.from_numpy(speech).float()[None])[0][0]
        wav = vocoder(mel).float().cpu().numpy()
        write_audio(system.wav(utt), wav, data.fs)


def _load(
    data: EvaluationSet,
    models: Sequence[ModelFile],
    train_config: str | Path | None,
    vocoder_file: str | None,
    vocoder_config: str | Path | None,
) -> tuple[Text2Speech, list[MelModel]]:
    """Load the first model with its vocoder, and every model, each file once."""
    if models:
        first = models[0].path
    elif train_config:
        weights = sorted(Path(train_config).parent.glob("*.pth"))
        weights = [path for path in weights if not path.stem.startswith("checkpoint")]
        if not weights:
            raise DataError(f"No model beside {train_config}: pass one with --model.")
        first = weights[0]
    else:
        raise DataError("Pass --train_config, or a --model.")
    text2speech = Text2Speech(
        None if models else train_config,
        first,
        vocoder_file=vocoder_file,
        vocoder_config=vocoder_config,
    )
    if text2speech.feats_extract is None:
        raise DataError(f"{first} has no feature extractor of its own.")
    if models and text2speech.fs is not None:
        contract = MelContract.of_feats_extract(text2speech.feats_extract)
        contract.require_rate(data.fs, f"{data.directory}/wav.scp")
    by_path = {first: text2speech.model}
    loaded = []
    for model in models if data.durations else ():
        if model.path not in by_path:
            by_path[model.path], options = load_acoustic_model(None, model.path)
            if options.token_list != text2speech.train_args.token_list:
                raise DataError(
                    f"Model {model.name!r}: its token list is not that of {first}."
                )
        loaded.append(MelModel(by_path[model.path], model.name, model.num_steps))
    return text2speech, loaded
