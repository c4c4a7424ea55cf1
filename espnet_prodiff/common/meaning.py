"""What weights mean travels with them and is compared with the config of the loading.

Tokens in another order, another noise schedule or other statistics have weights of the
same shapes. torch's ``state_dict`` has a place beside the weights (``_metadata``, where
modules keep their versions): files get no other keys, and any reader reads them.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from espnet2.tts.espnet_model import ESPnetTTSModel

from espnet_prodiff.common.plugin import FORMAT_KEY
from espnet_prodiff.errors import CheckpointError

KEY = "espnet_prodiff"
# Defaults of a call, which may be set in a trained model's config.
FREE = (FORMAT_KEY, "num_steps", "distilled_times")


def digest(value: Any) -> str:
    """Return a short hash of plain values or of a tensor."""
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().float().contiguous().numpy().tobytes()
    else:
        content = json.dumps(value, sort_keys=True, default=str).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def meaning_of(args: argparse.Namespace, model: ESPnetTTSModel) -> dict[str, str]:
    """Return what a model's weights mean, by name; before they are loaded."""
    options = vars(args)
    meaning = {
        "tokens": f"{len(args.token_list)} tokens, {digest(list(args.token_list))}",
        "token_type": str(options.get("token_type")),
    }
    for part in ("feats_extract", "pitch_extract", "energy_extract"):
        if options.get(part) is not None:
            meaning[part] = str(options[part])
            for key, value in (options.get(f"{part}_conf") or {}).items():
                meaning[f"{part}_conf {key}"] = json.dumps(value, default=str)
    for part in ("normalize", "pitch_normalize", "energy_normalize"):
        statistics = getattr(model, part, None)
        if statistics is not None:
            buffers = [digest(buffer) for buffer in statistics.buffers()]
            meaning[f"{part} statistics"] = digest(buffers)
    for key, value in options["tts_conf"].items():
        if key not in FREE:
            meaning[f"tts_conf {key}"] = json.dumps(value, default=str)
    return meaning


def attach_meaning(model: ESPnetTTSModel, args: argparse.Namespace) -> None:
    """Write the meaning beside the weights when they are saved; compare when loaded."""
    meaning = meaning_of(args, model)
    model.tts.register_state_dict_post_hook(partial(_write, meaning))
    model.tts.register_load_state_dict_pre_hook(partial(_compare, meaning))


def _write(
    meaning: dict[str, str], module: Any, states: Any, prefix: str, beside: dict
) -> None:
    beside[KEY] = meaning


def _compare(
    meaning: dict[str, str],
    module: Any,
    states: Any,
    prefix: str,
    beside: dict,
    *_: Any,
) -> None:
    theirs = beside.get(KEY)
    if isinstance(theirs, dict) and theirs != meaning:
        raise CheckpointError(
            "these weights were trained under another config:\n"
            + "\n".join(differences(theirs, meaning, ("weights", "config")))
            + "\nuse the config.yaml that lay beside them"
        )


def differences(
    first: dict[str, Any], second: dict[str, Any], names: Sequence[str]
) -> list[str]:
    """Return a line for each key whose values differ."""
    return [
        f"  {key}: {first.get(key)} ({names[0]}), {second.get(key)} ({names[1]})"
        for key in sorted(first.keys() | second.keys(), key=str)
        if first.get(key) != second.get(key)
    ]


def with_meaning(states: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """Give weights that were computed from others the meaning of those."""
    if hasattr(source, "_metadata"):
        with_metadata: Any = type(source)(states)
        with_metadata._metadata = source._metadata
        return with_metadata
    return states
