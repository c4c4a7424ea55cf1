"""Pack a voice: one zip that needs no other file, the same bytes every time."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from espnet_prodiff import __version__
from espnet_prodiff.common.plugin import FORMAT_KEY
from espnet_prodiff.errors import ConfigError, check_choice
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.fileio.yaml_files import read_yaml, write_yaml
from espnet_prodiff.inference.archive import check_archive
from espnet_prodiff.inference.espeak_g2p import ESPEAK_G2P
from espnet_prodiff.inference.lexicon_g2p import LEXICON_G2P
from espnet_prodiff.inference.loading import find_statistics

DTYPES = {"float16": torch.float16, "float32": torch.float32}
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member: a zip knows no earlier time
# Of the training's machine and data: no part of a voice.
LEFT_OUT = ("config", "output_dir", "log_level")
LEFT_OUT_ENDS = ("_data_path_and_name_and_type", "_shape_file")


def pack_voice(
    model_file: str | Path,
    output: str | Path,
    *,
    lexicon: str | Path | None = None,
    letter_to_sound: str | Path | None = None,
    espeak_language: str | None = None,
    card: str | Path | None = None,
    speakers: str | Path | None = None,
    vocoder: str | Path | None = None,
    others: Mapping[str, str | Path] | None = None,
    dtype: str = "float16",
) -> None:
    """Pack a trained model with what it needs to speak from a text.

    Args:
        model_file: Weights, with the config.yaml of their training beside them.
        output: The zip.
        lexicon: Words and phones, for a model that was trained on phones.
        letter_to_sound: What guesses other words, see `LexiconG2p`.
        espeak_language: For a model that was trained on espeak-ng's phones of this
            language, see `EspeakG2p`.
        card: The model card, README.md of the zip.
        speakers: ``spk2sid`` of the training set; names and ids of its speakers are
            the entry ``speakers`` of the packed config.
        vocoder: A packed vocoder that `Text2Speech` is to use by default.
        others: Further files by their names in the zip, such as samples of the speech.
        dtype: "float16" or "float32", of the weights in the zip.

    Raises:
        FileNotFoundError: A file does not exist.
        ArchiveError: The vocoder is no packed model.
        ConfigError: Only one of lexicon and letter_to_sound was given, or a lexicon and
            a language of espeak.
        UserError: An unknown dtype.
        CheckpointError: The weights are damaged or hold code.
    """
    check_choice("dtype", dtype, DTYPES)
    model_file = Path(model_file)
    config_file = model_file.parent / "config.yaml"
    config = read_yaml(config_file, "training config")
    find_statistics(config, config_file)
    config = {
        key: value
        for key, value in config.items()
        if key not in LEFT_OUT and not key.endswith(LEFT_OUT_ENDS)
    }
    files: dict[str, Path] = {}
    # ESPnet without the plugin stops at the first option that it does not know: this.
    first = {k: v for k, v in config["tts_conf"].items() if k == FORMAT_KEY}
    config["tts_conf"] = first | config["tts_conf"]
    _move_statistics(config, files)
    for key in ("bpemodel", "non_linguistic_symbols"):
        if config.get(key):
            files[key] = Path(config[key])
            config[key] = key
    if (lexicon is None) != (letter_to_sound is None):
        raise ConfigError("a voice takes a lexicon and a letter_to_sound, or neither")
    if lexicon is not None and letter_to_sound is not None:
        names = {"lexicon": "lexicon.txt.xz", "letter_to_sound": "letter_to_sound.pth"}
        config |= {"g2p": LEXICON_G2P, "g2p_conf": names}
        files[names["lexicon"]] = Path(lexicon)
        files[names["letter_to_sound"]] = Path(letter_to_sound)
        if espeak_language is not None:
            raise ConfigError("a voice takes a lexicon or a language of espeak")
    if espeak_language is not None:
        config |= {"g2p": ESPEAK_G2P, "g2p_conf": {"language": espeak_language}}
    if card is not None:
        files["README.md"] = Path(card)
    if vocoder is not None:
        check_archive(vocoder)
        config["vocoder_file"] = "vocoder.zip"
        files["vocoder.zip"] = Path(vocoder)
    if speakers is not None:
        ids = {name: int(number) for name, number in read_table(speakers).items()}
        config["speakers"] = {name: i for name, i in ids.items() if i}  # 0 is unknown
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = {
            key: value.to(DTYPES[dtype]) if value.is_floating_point() else value
            for key, value in load_weights(model_file).items()
        }
        torch.save(weights, folder / "model.pth")
        write_yaml(folder / "config.yaml", config)
        meta = {
            "files": {"model_file": "model.pth"},
            "yaml_files": {"train_config": "config.yaml"},
            # What reads it; ESPnet alone does not.
            "espnet_prodiff": __version__,
            "needs": "pip install espnet_prodiff",
        }
        write_yaml(folder / "meta.yaml", meta)
        files |= {name: Path(source) for name, source in (others or {}).items()}
        for target, source in files.items():
            shutil.copyfile(source, folder / target)
        with atomic_path(output) as temporary:
            _write_zip(folder, temporary)


def _move_statistics(config: dict[str, Any], files: dict[str, Path]) -> None:
    for key in ("normalize", "pitch_normalize", "energy_normalize"):
        conf = config.get(f"{key}_conf") or {}
        if config.get(key) is not None and "stats_file" in conf:
            name = f"{key}_stats.npz"
            files[name] = Path(conf["stats_file"])
            conf["stats_file"] = name


def _write_zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(file.name, EPOCH)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
