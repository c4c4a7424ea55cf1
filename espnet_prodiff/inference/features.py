"""The acoustic model's part of inference: from texts and inputs to features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.tts.utils import DurationCalculator

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.errors import InputError, TextError, UserError
from espnet_prodiff.inference.batches import similar_lengths
from espnet_prodiff.inference.inputs import check_inputs, takes_recording
from espnet_prodiff.inference.options import VOCODER_OPTIONS, model_options
from espnet_prodiff.inference.phones import phone_times
from espnet_prodiff.inference.prosody_control import (
    changed_predictions,
    without_prosody,
)
from espnet_prodiff.inference.text import TextToIds

Output = dict[str, Any]


@contextmanager
def seeded(seed: int | None, device: str | torch.device) -> Iterator[None]:
    """Draw torch's global noise, the CPU's and the device's, from a seed.

    Its state is left as it was; None leaves the noise alone.
    """
    if seed is None:
        yield
        return
    device = torch.device(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def infer(
    model: ESPnetTTSModel,
    text_to_ids: TextToIds,
    items: Sequence[dict[str, Any]],
    conf: dict[str, Any],
    token_list: Sequence[str],
) -> list[Output]:
    """Run the acoustic model on utterances: together where it can, else in turn.

    Args:
        model: The model.
        text_to_ids: Its tokens.
        items: Of each utterance ``text``, a string or ids, and the inputs that it has,
            see `check_inputs`.
        conf: Every decoding option; those of a vocoder do not count. With a ``seed``
            each utterance comes out as it would alone.
        token_list: Names of the model's tokens.

    Returns:
        The output of ``ESPnetTTSModel.inference``, for each utterance, with
        ``duration`` and ``focus_rate`` from attention weights and, of a model with
        durations, ``phones``: a `Phone` for each token.

    Raises:
        TextError, InputError: The model cannot use a text, input or option; the message
            counts the utterances from 1.
    """
    inputs: list[dict[str, Any]] = []
    outputs: list[Output] = []
    for number, item in enumerate(items, 1):
        try:
            inputs.append(_prepare(model, text_to_ids, item, conf))
        except (InputError, TextError) as error:
            if len(items) == 1:
                raise
            raise type(error)(f"utterance {number}: {error}") from error
    conf = {key: value for key, value in conf.items() if key not in VOCODER_OPTIONS}
    prosody, conf = conf, without_prosody(model, conf)
    # A model without seeds draws from torch's global noise.
    seed = None if "seed" in model_options(model.tts) else conf.pop("seed", None)
    try:
        with changed_predictions(model, prosody):
            if len(inputs) > 1 and isinstance(model.tts, DiffusionTTS):
                outputs = [{}] * len(inputs)
                for batch in similar_lengths([len(one["text"]) for one in inputs]):
                    results = _infer_together(model, [inputs[i] for i in batch], conf)
                    for i, output in zip(batch, results, strict=True):
                        outputs[i] = output
            else:
                for one in inputs:
                    with seeded(seed, one["text"].device):
                        outputs.append(model.inference(**one, **conf))
    except UserError as error:
        raise InputError(str(error)) from error
    for one, out in zip(inputs, outputs, strict=True):
        if out.get("att_w") is not None:
            duration, focus_rate = DurationCalculator()(out["att_w"])
            out.update(duration=duration, focus_rate=focus_rate)
        phones = phone_times(model, out, one["text"], token_list)
        if phones is not None:
            out["phones"] = phones
    return outputs


def _prepare(
    model: ESPnetTTSModel,
    text_to_ids: TextToIds,
    item: dict[str, Any],
    conf: dict[str, Any],
) -> dict[str, torch.Tensor]:
    """Turn an utterance into checked tensors of the model's type on its device."""
    item = {key: value for key, value in item.items() if value is not None}
    if "text" not in item:
        raise InputError("text is None, expected a string or token ids (T_text,)")
    if isinstance(item["text"], str):
        item["text"] = text_to_ids(item["text"])
    weight = next(model.parameters())
    inputs = check_inputs(model, item, conf)
    return {
        key: value.to(weight if value.is_floating_point() else weight.device)
        for key, value in inputs.items()
    }


def _infer_together(
    model: ESPnetTTSModel, inputs: Sequence[dict[str, torch.Tensor]], conf: dict
) -> list[Output]:
    """Do what ``ESPnetTTSModel.inference`` does, for several utterances."""
    rows = [_model_inputs(model, one, conf) for one in inputs]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    outputs = model.tts.inference_batch(columns.pop("text"), **columns, **conf)
    for out in outputs:
        if model.normalize is not None and out.get("feat_gen") is not None:
            feats = model.normalize.inverse(out["feat_gen"].clone()[None])[0][0]
            out["feat_gen_denorm"] = feats
    return outputs


def _model_inputs(
    model: ESPnetTTSModel, inputs: dict[str, torch.Tensor], conf: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Turn an utterance's inputs into those of ``tts.inference``, as ESPnet does."""
    forced = conf.get("use_teacher_forcing", False)
    row = {k: v for k, v in inputs.items() if k not in ("speech", "durations")}
    if not forced and not takes_recording(model.tts):
        return row
    speech = inputs["speech"][None]
    feats = speech if model.feats_extract is None else model.feats_extract(speech)[0]
    if model.normalize is not None:
        feats = model.normalize(feats)[0]
    row["feats"] = feats[0]
    if not forced:
        return row
    if "durations" in inputs:
        row["durations"] = inputs["durations"]
    for name, extract, normalize in (
        ("pitch", model.pitch_extract, model.pitch_normalize),
        ("energy", model.energy_extract, model.energy_normalize),
    ):
        if extract is None:
            continue
        lengths = torch.tensor([feats.size(1)])
        durations = inputs["durations"][None]
        values = extract(speech, feats_lengths=lengths, durations=durations)[0]
        row[name] = (values if normalize is None else normalize(values)[0])[0]
    return row
