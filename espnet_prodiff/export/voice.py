"""A voice as a folder of ONNX files and one json, for `espnet_prodiff.runtime`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from espnet_prodiff import __version__
from espnet_prodiff.errors import InputError, VocoderError, check_choice
from espnet_prodiff.export.graphs import (
    MOST_TOKENS,
    acoustic_graphs,
    letter_graph,
    spectral_graph,
)
from espnet_prodiff.export.onnx_file import DTYPES, write_graph
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.inference.builtin_vocoder import BuiltinVocoder
from espnet_prodiff.inference.find_model import find_model
from espnet_prodiff.inference.letter_to_sound import LETTERS, LetterToSound
from espnet_prodiff.inference.lexicon_g2p import LexiconG2p
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.wave_generator import WaveGenerator
from espnet_prodiff.prodiff import ProDiff
from espnet_prodiff.runtime.files import FORMAT, VOICE
from espnet_prodiff.spectral_vocoder import SpectralVocoder
from espnet_prodiff.spectral_vocoder.network import SpectralNetwork

MOST_STEPS = 64  # numbers of steps whose times the json lists
LEXICON, CARD = "lexicon.txt.xz", "README.md"


def export_voice(
    model: str | Path | None,
    folder: str | Path,
    *,
    dtype: str = "float32",
    vocoder: str | Path | None = None,
) -> Path:
    """Write a voice for runtimes without torch.

    Args:
        model: See `find_model`.
        folder: Where its files go; those of an earlier export are replaced.
        dtype: "float32" or "float16", see `write_graph`.
        vocoder: As ``vocoder_file`` of `Text2Speech`: a spectral vocoder, or "none" for
            the built-in.

    Returns:
        The voice.json.

    Raises:
        InputError, VocoderError: A model or vocoder of this kind is not exported.
        UserError: A part of it does not export.
        FileNotFoundError, ArchiveError, ConfigError, CheckpointError: It cannot be
            read.
    """
    check_choice("dtype", dtype, DTYPES)
    text2speech = exported_model(model, vocoder)
    tts = text2speech.tts
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text, guesser = _text_of(text2speech, folder)
    kind, network = _vocoder_of(text2speech)
    about = {
        "format": FORMAT,
        "name": Path(model or "slt").stem,
        "espnet_prodiff": __version__,
        "dtype": dtype,
        "card": _card(Path(find_model(model)["model_file"]).parent, folder),
        "text": text,
        "identity": _identity_of(tts, text2speech.train_args),
        "mel": dataclasses.asdict(
            MelContract.of_feats_extract(text2speech.feats_extract)
        ),
        "mel_statistics": _statistics(text2speech.normalize),
        "window": _window(text2speech),
        **_prosody_of(text2speech),
        "diffusion": _diffusion_of(tts),
        "vocoder": kind,
    }
    graphs = acoustic_graphs(tts)
    if guesser is not None:
        graphs["letter_to_sound"] = letter_graph(guesser)
    if network is not None:
        graphs["vocoder"] = spectral_graph(network)
    metadata = {"voice": about["name"], "espnet_prodiff": __version__}
    for name, graph in graphs.items():
        write_graph(folder / f"{name}.onnx", graph, dtype, metadata)
    write_text(folder / VOICE, json.dumps(about, ensure_ascii=False, indent=1))
    return folder / VOICE


def exported_model(
    model: str | Path | None, vocoder: str | Path | None = None
) -> Text2Speech:
    """Load a model, if it is one that is exported; see `export_voice`."""
    text2speech = Text2Speech(**find_model(model), vocoder_file=vocoder)
    tts = text2speech.tts
    if not isinstance(tts, ProDiff) or tts.use_gst:
        kind = "with style tokens" if isinstance(tts, ProDiff) else type(tts).__name__
        raise InputError(
            f"{model or 'the model'} cannot be exported: expected a ProDiff without "
            f"style tokens, found one of kind {kind}"
        )
    return text2speech


def _text_of(
    text2speech: Text2Speech, folder: Path
) -> tuple[dict[str, Any], LetterToSound | None]:
    args, tokens = text2speech.train_args, list(text2speech.train_args.token_list)
    conf = {"tokens": tokens, "eos": text2speech.tts.eos, "most_tokens": MOST_TOKENS}
    preprocess = text2speech.preprocess_fn
    g2p = getattr(getattr(preprocess, "tokenizer", None), "g2p", None)
    if isinstance(g2p, LexiconG2p) and isinstance(g2p.guesser, LetterToSound):
        lines = "".join(f"{word} {phones}\n" for word, phones in g2p.lexicon.items())
        (folder / LEXICON).write_bytes(lzma.compress(lines.encode(), preset=9))
        guesser = g2p.guesser
        conf |= {"reads": "lexicon", "lexicon": LEXICON, "letters": LETTERS}
        return conf | {"phones": guesser.sizes["phones"]}, guesser
    cleaner, kind = getattr(args, "cleaner", None), getattr(args, "g2p", None)
    if args.token_type == "char" and cleaner is None:
        return conf | {"reads": "letters"}, None
    # Whose g2p a runtime does not have reads phones: the caller's.
    return conf | {"reads": "phones", "g2p_of_training": kind}, None


def _vocoder_of(
    text2speech: Text2Speech,
) -> tuple[dict[str, Any], SpectralNetwork | None]:
    vocoder = text2speech.vocoder
    if isinstance(vocoder, BuiltinVocoder):
        return {"kind": "builtin", "rounds": vocoder.rounds}, None
    if isinstance(vocoder, WaveGenerator) and isinstance(vocoder.tts, SpectralVocoder):
        tts = vocoder.tts
        conf = {"kind": "spectral", "rounds": tts.rounds, "phase": tts.phase}
        return conf, tts.network
    raise VocoderError(
        f"vocoder {vocoder} is not exported: take --vocoder none (the built-in) or a "
        "spectral vocoder"
    )


def _identity_of(tts: ProDiff, args: argparse.Namespace) -> dict[str, Any]:
    return {
        "num_speakers": tts.spks,
        "num_languages": tts.langs,
        "speaker_embedding": tts.spk_embed_dim,
        "speakers": getattr(args, "speakers", None) or {},
    }


def _window(text2speech: Text2Speech) -> list[float]:
    """(n_fft,), the window in the middle: what a runtime needs for its vocoder."""
    contract = MelContract.of_feats_extract(text2speech.feats_extract)
    return BuiltinVocoder(contract)._inversion.window.tolist()


def _statistics(normalize: nn.Module | None) -> dict[str, list[float]] | None:
    if normalize is None:
        return None
    return {name: getattr(normalize, name).tolist() for name in ("mean", "std")}


def _prosody_of(text2speech: Text2Speech) -> dict[str, Any]:
    """What values of the pitch and energy predictors mean; None: nobody knows."""
    model = text2speech.model
    pitch, energy = model.pitch_extract, model.energy_extract
    plain = {"mean": [0.0], "std": [1.0]}
    conf: dict[str, Any] = {"pitch": None, "energy": None}
    if pitch is not None:
        conf["pitch"] = {
            **{"log": pitch.use_log_f0, "lowest": pitch.f0min},
            **(_statistics(model.pitch_normalize) or plain),
        }
    if energy is not None:
        conf["energy"] = _statistics(model.energy_normalize) or plain
    return conf


def _diffusion_of(tts: ProDiff) -> dict[str, Any]:
    schedule = tts.denoiser.schedule
    total = schedule.num_train_steps
    counts = {*range(1, min(total, MOST_STEPS) + 1), tts.num_steps}
    whole = torch.arange(total + 1, dtype=torch.float64)
    return {
        "alphas": schedule.alpha(whole).tolist(),
        "num_steps": tts.num_steps,
        "times": {str(n): tts.times(n).tolist() for n in sorted(counts)},
        "prediction_type": tts.denoiser.prediction_type,
        "noise_cond": tts.denoiser.noise_cond,
    }


def _card(source: Path, folder: Path) -> str | None:
    """Copy the model card, with its licence."""
    if not (source / CARD).is_file():
        return None
    shutil.copyfile(source / CARD, folder / CARD)
    return CARD
