"""What an utterance brings to the model besides its text, checked before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from espnet2.tts.abs_tts import AbsTTS
from espnet2.tts.espnet_model import ESPnetTTSModel

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.sampling import SAMPLING_OPTIONS, Sampling
from espnet_prodiff.errors import InputError, UserError


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Raise what a call of a model refuses as an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (TypeError, UserError) as error:
        raise InputError(str(error)) from error


def check_inputs(
    model: ESPnetTTSModel, item: dict[str, Any], conf: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Check one utterance's inputs against what the model was trained with.

    Args:
        model: The model.
        item: ``text`` as ids, and any of ``speech``, ``durations``, ``spembs``,
            ``sids`` and ``lids``, as tensors, arrays or numbers.
        conf: Decoding options.

    Returns:
        The inputs as tensors; ids of shape ``(1,)``.

    Raises:
        InputError: One is missing, of the wrong shape or out of range.
    """
    tts = model.tts
    item = {key: _tensor(key, value) for key, value in item.items()}
    text = item["text"]
    if text.ndim != 1 or text.is_floating_point() or not len(text):
        raise InputError(
            f"text is {_show(text)}, expected a string or a row of token ids"
        )
    tokens = getattr(tts, "idim", None)
    if tokens is not None and not 0 <= text.min() <= text.max() < tokens:
        raise InputError(
            f"token ids reach from {text.min()} to {text.max()}, the model knows 0 to "
            f"{tokens - 1}"
        )
    forced = conf.get("use_teacher_forcing", False)
    if (forced or getattr(tts, "use_gst", False)) and "speech" not in item:
        why = "use_teacher_forcing" if forced else "a style token layer (GST)"
        if isinstance(tts, DiffusionTTS) and tts.conditioning == "mel":
            why = "the recording's mel for its input"
        raise InputError(f"speech is missing: this model has {why}, pass speech=wave")
    extractors = (model.pitch_extract, model.energy_extract)
    if forced and "durations" not in item and any(extractors):
        raise InputError(
            "durations are missing: use_teacher_forcing takes pitch and energy of each "
            "token, pass durations (frames of each token)"
        )
    for key, count, what in (
        ("sids", tts.spks, "speaker"),
        ("lids", tts.langs, "language"),
    ):
        if count is None:
            item.pop(key, None)
            continue
        if key not in item:
            raise InputError(
                f"{key} is missing: this model has {count} {what}s, pass {key} = 0 to "
                f"{count - 1}"
            )
        ids = item[key] = item[key].reshape(-1)
        if len(ids) != 1 or ids.is_floating_point() or not 0 <= ids[0] < count:
            raise InputError(
                f"{key} is {ids.tolist()}, expected one {what} id from 0 to {count - 1}"
            )
    dim = tts.spk_embed_dim
    if dim is None:
        item.pop("spembs", None)
    elif "spembs" not in item or item["spembs"].shape != (dim,):
        found = _show(item["spembs"]) if "spembs" in item else "missing"
        raise InputError(
            f"spembs is {found}: this model has speaker embeddings, pass a row of {dim}"
        )
    return item


def check_options(tts: AbsTTS, conf: dict[str, Any]) -> None:
    """Check decoding options before anything is run.

    Args:
        tts: The model.
        conf: Decoding options.

    Raises:
        InputError: One is out of range.
    """
    alpha = conf.get("alpha", 1.0)
    if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
        raise InputError(f"alpha is {alpha!r}, expected a number > 0 (1: as trained)")
    sampling = Sampling(**{k: conf[k] for k in SAMPLING_OPTIONS & conf.keys()})
    if isinstance(tts, DiffusionTTS):
        with as_input_errors():
            tts.times(sampling.num_steps, sampling.schedule)


def model_inputs(
    model: ESPnetTTSModel, item: dict[str, torch.Tensor], conf: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Make of an utterance's inputs those of ``tts.inference``.

    The same as ``ESPnetTTSModel.inference`` does before it calls the model, for one of
    several utterances that go through the model together.
    """
    forced = conf.get("use_teacher_forcing", False)
    made = {k: v for k, v in item.items() if k not in ("speech", "durations")}
    if not forced and not getattr(model.tts, "use_gst", False):
        return made
    speech = item["speech"][None]
    feats = speech if model.feats_extract is None else model.feats_extract(speech)[0]
    if model.normalize is not None:
        feats = model.normalize(feats)[0]
    made["feats"] = feats[0]
    if not forced:
        return made
    if "durations" in item:
        made["durations"] = item["durations"]
    for key in ("pitch", "energy"):
        extract = getattr(model, f"{key}_extract")
        normalize = getattr(model, f"{key}_normalize")
        if extract is not None:
            made[key] = extract(
                speech,
                feats_lengths=torch.tensor([feats.size(1)]),
                durations=item["durations"][None],
            )[0]
            if normalize is not None:
                made[key] = normalize(made[key])[0]
            made[key] = made[key][0]
    return made


def _tensor(key: str, value: Any) -> torch.Tensor:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, int | list):
        return torch.tensor(value)
    if not isinstance(value, torch.Tensor):
        raise InputError(f"{key} is a {type(value).__name__}, expected a tensor")
    return value


def _show(value: torch.Tensor) -> str:
    return f"of shape {tuple(value.shape)} and type {str(value.dtype)[6:]}"
