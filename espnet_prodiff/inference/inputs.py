"""Inputs of an utterance besides its text, checked before the model runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from espnet2.tts.abs_tts import AbsTTS
from espnet2.tts.espnet_model import ESPnetTTSModel

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.errors import InputError, UserError


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Raise the errors of a model that refuses its call as `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (TypeError, UserError) as error:
        raise InputError(str(error)) from error


def by_utterance(
    texts: Sequence[Any], columns: Mapping[str, Sequence[Any] | None]
) -> list[dict[str, Any]]:
    """Turn lists of inputs, one for each utterance, into the inputs of each.

    ``columns`` are by name, None where there are none.

    Raises:
        InputError: The lists differ in length.
    """
    items: list[dict[str, Any]] = [{"text": text} for text in texts]
    for name, values in columns.items():
        if values is None:
            continue
        if len(values) != len(items):
            raise InputError(f"{len(values)} {name} were given for {len(items)} texts")
        for item, value in zip(items, values, strict=True):
            item[name] = value
    return items


def check_inputs(
    model: ESPnetTTSModel, item: dict[str, Any], conf: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Return one utterance's inputs as tensors, ids ``(1,)``, checked for the model.

    Args:
        model: The model.
        item: ``text`` as ids, and any of `INPUTS`, as tensors, arrays or numbers.
        conf: Decoding options.

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
    tokens = getattr(tts, "idim", None)  # ESPnet's GAN models keep it elsewhere
    if tokens is not None and not 0 <= text.min() <= text.max() < tokens:
        raise InputError(
            f"token ids reach from {text.min()} to {text.max()}, the model knows 0 to "
            f"{tokens - 1}"
        )
    forced = conf.get("use_teacher_forcing", False)
    if (forced or takes_recording(tts)) and "speech" not in item:
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
    takes_durations = isinstance(tts, DiffusionTTS) and tts.needs_durations
    if forced and takes_durations and len(item.get("durations", [])) != len(text) + 1:
        raise InputError(
            f"{len(item.get('durations', []))} durations were given, expected "
            f"{len(text) + 1}: one for each of the {len(text)} tokens and one for eos"
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
        state = _show(item["spembs"]) if "spembs" in item else "missing"
        raise InputError(
            f"spembs is {state}: this model has speaker embeddings, pass a row of {dim}"
        )
    return item


def takes_recording(tts: AbsTTS) -> bool:
    """Return whether a model's ``inference`` takes the mel of a recording."""
    return getattr(tts, "use_gst", False)  # not all of ESPnet's models have it


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
