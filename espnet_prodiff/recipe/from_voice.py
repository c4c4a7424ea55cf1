"""Train on from a voice: its config, tokens, statistics and weights.

What the weights mean is the voice's: text, features, network. How they are trained, and
on what, is the new training's.
"""

import argparse
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.recipe.options import Options

log = logging.getLogger("recipe")

# ESPnet's options that say what the weights mean.
MEANING = (
    "tts", "tts_conf", "model_conf", "token_list", "token_type", "g2p",
    "cleaner", "bpemodel", "non_linguistic_symbols", "use_preprocessor", "odim",
    "feats_extract", "feats_extract_conf", "normalize", "pitch_extract",
    "pitch_extract_conf", "pitch_normalize", "energy_extract", "energy_extract_conf",
    "energy_normalize",
)  # fmt: skip
# Of the training that the voice had: of its data, its teacher and its place.
LEFT_OUT = (
    "teacher_model_file", "teacher_num_steps", "init_from", "freeze_text_side",
    "normalize_conf", "pitch_normalize_conf", "energy_normalize_conf",
)  # fmt: skip
LEFT_OUT_ENDS = ("_data_path_and_name_and_type", "_shape_file")
# The recipe's options by ESPnet's of the mels.
MEL = {
    "fs": "fs", "n_fft": "n_fft", "hop_length": "n_shift", "win_length": "win_length",
    "fmin": "fmin", "fmax": "fmax", "n_mels": "n_mels",
}  # fmt: skip


@dataclass(frozen=True)
class StartVoice:
    """A voice that a training starts from.

    Attributes:
        model_file: Its weights; the config.yaml of their training lies beside them.
        config: That config.
    """

    model_file: Path
    config: dict[str, Any]

    @property
    def tokens(self) -> list[str]:
        """Its symbols, in the order of their ids."""
        return list(self.config["token_list"])

    @property
    def learnt_phones(self) -> bool:
        """Whether texts are phones in training: its g2p is ours, around the model."""
        return str(self.config.get("g2p")).startswith("espnet_prodiff_")

    @property
    def tts_conf(self) -> dict[str, Any]:
        """Options of its network; a student's steps are not the new model's."""
        distilled = ("num_steps", "distilled_times")
        is_student = self.config["tts_conf"].get("distilled_times") is not None
        return {
            name: value
            for name, value in self.config["tts_conf"].items()
            if not (is_student and name in distilled)
        }


def find_voice(name: str) -> StartVoice:
    """Find a voice: "demo", a zip, weights, an experiment folder, a URL or hub id.

    Raises:
        FileNotFoundError, UserError: There is none, or it is no model of this package.
    """
    from espnet_prodiff.inference.find_model import find_model  # ESPnet takes seconds

    model_file = Path(find_model(name)["model_file"])
    config = read_yaml(model_file.with_name("config.yaml"), "config of the voice")
    if "espnet_prodiff" not in (config.get("tts_conf") or {}):
        raise ConfigError(
            f"--from {name}: its model {config.get('tts')} is none of espnet_prodiff"
        )
    return StartVoice(model_file, config)


def training_config(voice: StartVoice, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a training from a voice: ``config``, and what it keeps.

    Where ``config`` is empty, the voice was trained as the new model is to be.
    """
    kept = {name: voice.config[name] for name in MEANING if name in voice.config}
    kept["tts_conf"] = voice.tts_conf
    if voice.learnt_phones:
        kept["g2p"] = None
    if not config:
        from espnet_prodiff.recipe.phase import inherited_options

        config = inherited_options(voice.config)
        config = {
            name: value
            for name, value in config.items()
            if name not in LEFT_OUT and not name.endswith(LEFT_OUT_ENDS)
            if not name.startswith("distill_")
        }
        if config.get("scheduler") == "onecyclelr":  # filled in by the new training
            cycle = dict(config["scheduler_conf"])
            cycle.pop("total_steps", None)
            config["scheduler_conf"] = cycle
    for name in sorted(config.keys() & kept.keys() - {"tts_conf"}):
        if config[name] != kept[name]:
            log.warning("%s is the voice's: %s, not %s", name, kept[name], config[name])
    return {**config, **kept}


def grow_names(args: argparse.Namespace, voice: StartVoice) -> None:
    """Make room for new speakers and languages, keep the names of the voice's.

    Args:
        args: Of the training; its ``tts_conf`` and names are changed.
        voice: Where it starts.
    """
    from espnet_prodiff.training.speakers import NAMED, names_of_ids  # ESPnet

    files = args.train_data_path_and_name_and_type or []
    for kind, option in (("sids", "spks"), ("lids", "langs")):
        if not any(name == kind for _, name, _ in files):
            continue
        entry = NAMED[kind][1]
        names = names_of_ids(files, kind)
        before = voice.config.get(entry) or {}
        before = {name: i for name, i in before.items() if name not in names}
        taken = set(names.values())
        names |= {name: i for name, i in before.items() if i not in taken}
        for name in sorted(before.keys() - names.keys()):
            names[name] = max(names.values()) + 1
        setattr(args, entry, names)
        rows = max(names.values(), default=0) + 1
        args.tts_conf[option] = max(rows, args.tts_conf.get(option) or 0)


def recipe_options(options: Options, voice: StartVoice) -> Options:
    """Return a recipe's options with the voice's features and text.

    Raises:
        ConfigError: The voice learnt phones, and the recipe's text is words.
    """
    if voice.learnt_phones and options.g2p != "none":
        raise ConfigError(
            f"--from {options.from_voice} was trained on phones, which its g2p "
            f"{voice.config['g2p']} makes of words; give texts of phones and --g2p "
            "none, as espnet-prodiff prepare makes them"
        )
    config = voice.config
    mel = config.get("feats_extract_conf") or {}
    pitch = config.get("pitch_extract_conf") or {}
    values = {ours: mel[theirs] for theirs, ours in MEL.items() if theirs in mel}
    for name in ("f0min", "f0max"):
        if name in pitch:
            values[name] = pitch[name]
    values["feats_extract"] = config.get("feats_extract")
    values["feats_normalize"] = config.get("normalize")
    values["token_type"] = config.get("token_type")
    if options.g2p != "none":  # its text is tokens already
        values |= {"g2p": config.get("g2p"), "cleaner": config.get("cleaner")}
    conf = config["tts_conf"]
    if conf.get("spks"):
        values["use_sid"] = True
    if conf.get("langs"):
        values["use_lid"] = True
    changes = {}
    for name, value in values.items():
        kind = type(getattr(options, name))
        absent = "none" if name in ("g2p", "cleaner", "feats_normalize") else "null"
        value = kind(absent if value is None else value)
        if value != getattr(options, name):
            log.info("--%s %s is the voice's", name, value)
            changes[name] = value
    return replace(options, **changes)


def joined_tokens(voice: StartVoice, tokens: list[str]) -> list[str]:
    """Return the voice's symbols and, before the end of sentence, new ones.

    Raises:
        ConfigError: The last symbols of both differ.
    """
    *known, end = voice.tokens
    if tokens and tokens[-1] != end:
        raise ConfigError(
            f"the voice's list ends in {end}, this recipe's in {tokens[-1]} (--sos_eos)"
        )
    new = [token for token in tokens if token not in voice.tokens]
    if new:
        log.info("symbols that the voice does not know: %s", " ".join(new))
    return [*known, *new, end]
