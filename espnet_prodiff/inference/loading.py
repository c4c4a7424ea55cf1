"""Load a TTS model from its files: plain yaml, weights only, keys that fit."""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from espnet2.tts.espnet_model import ESPnetTTSModel

from espnet_prodiff.common.rows import lay_out
from espnet_prodiff.errors import ConfigError, UserError
from espnet_prodiff.fileio.checkpoint import load_model_weights
from espnet_prodiff.fileio.yaml_files import read_yaml, write_yaml
from espnet_prodiff.inference.archive import SUFFIXES, fetch_model
from espnet_prodiff.inference.direct import build_directly

STATISTICS = ("normalize_conf", "pitch_normalize_conf", "energy_normalize_conf")


def load_acoustic_model(
    train_config: str | Path | None, model_file: str | Path | None, device: str = "cpu"
) -> tuple[ESPnetTTSModel, argparse.Namespace]:
    """Load any TTS model of ESPnet, ours included, and its training options.

    Args:
        train_config: The config.yaml of its training; by default the one beside
            ``model_file``.
        model_file: Its weights, or a model packed by stage 10, which brings its config.
        device: Where it will run, in evaluation mode.

    Raises:
        FileNotFoundError: A file does not exist.
        ArchiveError: The packed model is damaged, hostile or no TTS model.
        ConfigError: The config is no training config.
        CheckpointError: The weights are damaged, hold code or do not fit.
    """
    if model_file is None:
        raise FileNotFoundError("no model_file was given: expected a trained *.pth")
    if not Path(model_file).is_file():
        raise FileNotFoundError(
            f"model file {model_file} does not exist: train it first (stage 7)"
        )
    if str(model_file).lower().endswith(SUFFIXES):
        files = fetch_model(str(model_file))
        train_config, model_file = files["train_config"], files["model_file"]
    config = Path(train_config or Path(model_file).parent / "config.yaml")
    options = read_yaml(config, "training config")
    required = ("tts", "tts_conf", "token_list", "feats_extract", "normalize")
    missing = [key for key in required if key not in options]
    if not options.get("token_list"):
        missing = ["token_list"]
    if missing:
        raise ConfigError(
            f"training config {config} lacks {', '.join(missing)}: pass the "
            "config.yaml that the training wrote, not the one that it read"
        )
    _check_values(options, config)
    with tempfile.TemporaryDirectory() as folder:
        built = config
        if find_statistics(options, config):
            built = Path(folder) / "config.yaml"
            write_yaml(built, options)
        with as_config_error(config):
            model, args = _build(built, options, model_file, device)
    if getattr(model.tts, "runs_on_rows", False):
        lay_out(model.tts)
    return model.eval(), args


def _check_values(options: dict[str, Any], config: Path) -> None:
    """Refuse what a config would be read for without end, or is of another kind."""
    tokens = options["token_list"]
    wrong = None
    if not (isinstance(tokens, list) and all(isinstance(x, str) for x in tokens)):
        wrong = "token_list", tokens, "a list of tokens"
    elif not isinstance(options["tts"], str):
        wrong = "tts", options["tts"], "the name of a model"
    for name in ("tts_conf", "feats_extract_conf", *STATISTICS, "model_conf"):
        if not isinstance(options.get(name), dict | None):
            wrong = name, options[name], "a mapping"
    for name in ("bpemodel", "non_linguistic_symbols"):
        value = options.get(name)
        path = Path(value) if isinstance(value, str) else None
        special = path and path.exists() and not path.is_file()  # /dev/zero
        if special or not isinstance(value, str | list | None):
            wrong = name, value, "a file"
    for name in STATISTICS:
        conf = options.get(name)
        file = conf.get("stats_file") if isinstance(conf, dict) else None
        if not isinstance(file, str | None):
            wrong = f"stats_file of {name}", file, "a file"
    if wrong:
        name, value, expected = wrong
        raise ConfigError(
            f"training config {config}: {name} is {str(value)[:60]!r}, expected "
            f"{expected}"
        )


@contextmanager
def as_config_error(config: Path) -> Iterator[None]:
    """Raise whatever a config's values trip as a `ConfigError` that names the file."""
    try:
        yield
    except (UserError, FileNotFoundError, ModuleNotFoundError):
        raise
    except AttributeError as error:
        missing = re.search(r"'Namespace' object has no attribute '(\w+)'", str(error))
        what = f"lacks {missing.group(1)}" if missing else f"cannot be used: {error}"
        raise ConfigError(f"training config {config} {what}") from error
    except Exception as error:
        raise ConfigError(
            f"training config {config} describes no model that can be built "
            f"({type(error).__name__}: {str(error)[:300]}): use the one that the "
            "training wrote"
        ) from error


def _build(
    config: Path, options: dict[str, Any], model_file: str | Path, device: str
) -> tuple[ESPnetTTSModel, argparse.Namespace]:
    args = argparse.Namespace(**options)
    model = build_directly(args)
    if model is None:
        from espnet_prodiff.training.task import DiffusionTTSTask  # slow to import

        return DiffusionTTSTask.build_model_from_file(config, model_file, device)
    args.teacher_model_file = None  # a student is complete without its teacher
    load_model_weights(model, model_file)
    return model.to(device), args


def find_statistics(options: dict[str, Any], config: Path) -> bool:
    """Replace paths of statistics that start at the directory of the training.

    So a vocoder can be used from another recipe's directory. Returns True if
    ``options`` have changed.
    """
    changed = False
    for key in STATISTICS:
        conf = options.get(key) or {}
        stats = conf.get("stats_file")
        used = options.get(key.removesuffix("_conf")) is not None
        if stats is None or not used or Path(stats).is_file():
            continue
        places = (folder / stats for folder in config.resolve().parents)
        file = next((place for place in places if place.is_file()), None)
        if file is None:
            raise FileNotFoundError(
                f"training config {config} names the statistics {stats} ({key}), which "
                "exist neither here nor in a directory above the config: run from the "
                "directory that it was trained in, or pack the model (stage 10)"
            )
        conf["stats_file"] = str(file)
        changed = True
    return changed
