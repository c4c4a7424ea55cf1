"""Start a training from given weights, ``--init_param FILE[:FROM[:TO[:WITHOUT]]]``.

ESPnet copies tensors by their names and shapes: with another token list the embedding
of a phone becomes that of another, and nothing tells. Here rows of embeddings go by the
names of symbols, speakers and languages, the statistics come along, and features that
differ are refused.
"""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from espnet2.tasks.tts import feats_extractor_choices
from espnet2.tts.espnet_model import ESPnetTTSModel
from torch import Tensor, nn

from espnet_prodiff.errors import CheckpointError, ConfigError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.training.speakers import NAMED, names_of_ids

STATISTICS = ("normalize", "pitch_normalize", "energy_normalize")
IDS = {"sid_emb": "sids", "lid_emb": "lids"}


class Spec(NamedTuple):
    """Weights of ``file`` under ``source``, put under ``target``."""

    file: Path
    source: str = ""
    target: str = ""
    without: tuple[str, ...] = ()


def parse(init_param: str) -> Spec:
    """Read ESPnet's notation of ``--init_param``."""
    file, *keys = init_param.split(":", 3)
    source, target, without = [*keys, "", "", ""][:3]
    names = tuple(name for name in without.split(",") if name)
    return Spec(Path(file), source, target if len(keys) > 1 else "", names)


def load_given_weights(
    model: ESPnetTTSModel, init_param: str, args: argparse.Namespace
) -> None:
    """Give a model the weights of another training, as far as both mean the same.

    Args:
        model: As the training built it.
        init_param: See the module; the config.yaml of its training lies beside the
            file.
        args: Of the model's training, ``token_list`` already a list.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: The features differ, or nothing tells what the weights mean.
        CheckpointError: The weights do not fit. With ``ignore_init_mismatch`` those
            that do not are left out, with a message.
    """
    spec = parse(init_param)
    states = load_weights(spec.file)
    config = config_beside(spec.file)
    _check_features(config, vars(args), spec.file)
    for key in ("module", "model"):  # DeepSpeed; ESPnet's checkpoint.pth
        states = states[key] if isinstance(states.get(key), dict) else states
    given = _renamed(states, spec)
    if any(name.startswith("tts.") for name in given):
        given |= _statistics(model, states, spec.file)
    own = model.state_dict()
    matched = _by_name(model, given, own, config, args, spec)
    problems = [
        f"{k} is {tuple(v.shape)} in the file, {tuple(own[k].shape)} in the model"
        if k in own
        else f"{k} is unknown to the model"
        for k, v in matched.items()
        if k not in own or v.shape != own[k].shape
    ]
    problems += [
        f"{k} is not in the file"
        for k in own
        if k.startswith("tts.") and k.startswith(spec.target) and k not in matched
        if not k.startswith(spec.without)
    ]
    if problems and not args.ignore_init_mismatch:
        raise CheckpointError(
            f"init_param {spec.file} does not fit the model: {'; '.join(problems[:4])}"
            f"{' ...' if len(problems) > 4 else ''}. Give the tts_conf of its config."
            "yaml, or --ignore_init_mismatch true to leave these at their random start"
        )
    if problems:
        logging.warning(f"init_param {spec.file}: left out: {'; '.join(problems)}")
    fitting = {
        k: v.to(own[k].dtype)
        for k, v in matched.items()
        if k in own and v.shape == own[k].shape
    }
    model.load_state_dict(own | fitting)
    logging.info(f"{len(fitting)} of {len(own)} tensors start from {spec.file}")


def config_beside(file: Path) -> dict[str, Any]:
    """Return the config.yaml beside given weights.

    Raises:
        ConfigError: There is none.
    """
    path = Path(file).with_name("config.yaml")
    if not path.is_file():
        raise ConfigError(
            f"{file} has no config.yaml beside it: nothing tells which phones its "
            "embeddings and which mels its weights are of. Give weights where their "
            "training left them, or a packed voice with --from"
        )
    return read_yaml(path, "config of the given weights")


def require_same_tokens(file: Path, tokens: list[str]) -> None:
    """Refuse weights of another token list, where ids have to be the same.

    Raises:
        ConfigError: The message has what only one of the lists holds.
    """
    theirs = config_beside(file).get("token_list") or []
    if theirs != tokens:
        raise ConfigError(
            f"{file} was trained with another token list: "
            f"{_differences(tokens, theirs) or 'the same symbols in another order'}"
        )


def _check_features(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], file: Path
) -> None:
    sides = []
    for config in (ours, theirs):
        kind = config.get("feats_extract")
        values: dict[str, Any] = {"feats_extract": kind}
        if kind is not None and config.get("odim") is None:
            extractor = feats_extractor_choices.get_class(kind)
            values |= extractor(**config.get("feats_extract_conf") or {}).__dict__
        values |= {"normalize": config.get("normalize")}
        sides.append({k: v for k, v in values.items() if not k.startswith("_")})
    plain = (int, float, str, bool, type(None))
    rows = [
        f"{k}: {mine} here, {sides[1].get(k)} there"
        for k, mine in sides[0].items()
        if k != "training" and isinstance(mine, plain) and mine != sides[1].get(k)
    ]
    if rows:
        raise ConfigError(
            f"{file} was trained on other features ({'; '.join(rows)}): train with "
            "its own, or from other weights"
        )


def _renamed(states: Mapping[str, Tensor], spec: Spec) -> dict[str, Tensor]:
    source = f"{spec.source}." if spec.source else ""
    target = f"{spec.target}." if spec.target else ""
    given = {
        target + name[len(source) :]: value
        for name, value in states.items()
        if name.startswith(source) and not name.startswith(spec.without)
    }
    if not given:
        raise CheckpointError(
            f"init_param {spec.file} has nothing under {spec.source!r}"
        )
    return given


def _statistics(
    model: ESPnetTTSModel, states: Mapping[str, Tensor], file: Path
) -> dict[str, Tensor]:
    """Return the mean and variance that the weights were trained with."""
    found = {
        name: value
        for name, value in states.items()
        if name.partition(".")[0] in STATISTICS
    }
    own = model.state_dict()
    for name, value in found.items():
        if name in own and not torch.allclose(own[name], value.to(own[name])):
            logging.info(f"{name} is that of {file}, not of this corpus")
    return {name: value for name, value in found.items() if name in own}


def _by_name(
    model: nn.Module,
    given: dict[str, Tensor],
    own: Mapping[str, Tensor],
    config: Mapping[str, Any],
    args: argparse.Namespace,
    spec: Spec,
) -> dict[str, Tensor]:
    """Return the weights with the rows of embeddings where their names are here."""
    tokens = list(args.token_list)
    theirs = list(config.get("token_list") or [])
    matched = dict(given)
    for name, module in model.named_modules():
        key = f"{name}.weight"
        if not isinstance(module, nn.Embedding) or not key.startswith(spec.target):
            continue
        last = name.rpartition(".")[2]
        if last in IDS:
            kind = IDS[last]
            names = getattr(args, NAMED[kind][1], None) or {}
            files = config.get("train_data_path_and_name_and_type") or []
            before = config.get(NAMED[kind][1]) or names_of_ids(files, kind)
            matched[key] = _id_rows(key, given.get(key), own[key], names, before)
        elif key in given and len(own[key]) == len(tokens):
            matched[key] = _token_rows(given[key], own[key], tokens, theirs, spec.file)
    return matched


def _token_rows(
    given: Tensor, own: Tensor, tokens: list[str], theirs: list[str], file: Path
) -> Tensor:
    if len(theirs) != len(given):
        raise ConfigError(
            f"{file} has {len(given)} token embeddings, but the token list of its "
            f"config.yaml has {len(theirs)} symbols"
        )
    if text := _differences(tokens, theirs):
        logging.warning(f"token embeddings of {file} go by their symbols; {text}")
    rows = own.clone()
    for i, token in enumerate(tokens):
        if token in theirs and given.shape[1:] == own.shape[1:]:
            rows[i] = given[theirs.index(token)].to(own)
    return rows


def _id_rows(
    key: str,
    given: Tensor | None,
    own: Tensor,
    names: Mapping[str, int],
    before: Mapping[str, int],
) -> Tensor:
    """Rows by name; new names begin at the mean of those that are known, or at zero."""
    if given is None or given.shape[1:] != own.shape[1:]:
        logging.info(f"{key}: the given weights have none, it starts at zero")
        return torch.zeros_like(own)
    shared = {name: i for name, i in names.items() if name in before}
    known = [before[name] for name in before] or list(range(1, len(given)))
    rows = given[known].float().mean(0).to(own).expand_as(own).clone()
    rows[0] = given[0].to(own)
    for name, i in shared.items():
        rows[i] = given[before[name]].to(own)
    logging.info(
        f"{key}: kept {', '.join(shared) or 'no name'}; new "
        f"{', '.join(names.keys() - before.keys()) or 'none'}; gone "
        f"{', '.join(before.keys() - names.keys()) or 'none'}"
    )
    return rows


def _differences(ours: list[str], theirs: list[str]) -> str:
    new = [token for token in ours if token not in theirs]
    gone = [token for token in theirs if token not in ours]
    parts = [f"new, at a random start: {' '.join(new)}"] if new else []
    parts += [f"vanished: {' '.join(gone)}"] if gone else []
    return "; ".join(parts)
