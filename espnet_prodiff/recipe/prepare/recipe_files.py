"""The files of a recipe directory beside its data: run.sh, local/, conf/ and more."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.yaml_files import read_yaml, write_yaml
from espnet_prodiff.recipe.prepare.configs import write_configs
from espnet_prodiff.recipe.prepare.splits import TEST, TRAIN, VALID

TEMPLATE = Path(__file__).with_name("template")
CORPUS = "corpus.yaml"
# By sampling rate from this on: FFT size and hop in samples, highest mel frequency.
FEATURES = {32000: (2048, 512, 16000), 22050: (1024, 256, 7600), 0: (1024, 256, 7600)}


@dataclass(frozen=True)
class Corpus:
    """What a recipe directory knows of its corpus, in ``corpus.yaml``.

    Attributes:
        language: "en", or espeak's name of the language.
        g2p: Of the finished voice, by the name of its config.
        g2p_conf: Its options; files are relative to the directory.
        fs: Sampling rate in Hz.
        minutes: Speech in all sets.
        train_utterances: Utterances of the training set.
        speakers: Their names.
        source: The user's folder.
    """

    language: str
    g2p: str
    g2p_conf: dict[str, Any]
    fs: int
    minutes: float
    train_utterances: int
    speakers: list[str]
    source: str


def read_corpus(folder: Path) -> Corpus:
    """Read ``corpus.yaml`` of a recipe directory.

    Raises:
        FileNotFoundError: It is not there.
        ConfigError: It is not what `write_recipe` writes.
    """
    if not (folder / CORPUS).is_file():
        raise FileNotFoundError(
            f"{folder} is no directory that espnet-prodiff prepare made (it has no "
            f"{CORPUS}): espnet-prodiff prepare AUDIO_FOLDER -o {folder}"
        )
    entries = read_yaml(folder / CORPUS, "description of the corpus")
    expected = set(Corpus.__dataclass_fields__)
    if set(entries) != expected:
        raise ConfigError(
            f"{folder / CORPUS} has {', '.join(sorted(entries))}, expected "
            f"{', '.join(sorted(expected))}: prepare the directory again"
        )
    return Corpus(**entries)


def recipe_options(corpus: Corpus) -> dict[str, str]:
    """Return the options of the stages that all trainings on a corpus share."""
    n_fft, n_shift, fmax = next(v for rate, v in FEATURES.items() if corpus.fs >= rate)
    return {
        "lang": corpus.language,
        "fs": str(corpus.fs),
        "n_fft": str(n_fft),
        "n_shift": str(n_shift),
        "fmax": str(min(fmax, corpus.fs // 2)),
        "audio_format": "wav",
        "token_type": "phn",
        "cleaner": "none",
        "g2p": "none",  # data/*/text are phones
        "durations": "learned",
        "write_collected_feats": "true",
        "use_sid": str(len(corpus.speakers) > 1).lower(),
        "distill_steps": "1",
        "inference_config": "conf/decode.yaml",
        "inference_model": "valid.loss.best.pth",
        "train_set": TRAIN,
        "valid_set": VALID,
        "test_sets": TEST,
        "srctexts": "data/tokens",  # the fixed list of the language
        "evaluate": "true",
        "skip_packing": "false",
    }


def write_recipe(folder: Path, corpus: Corpus, command: Sequence[str]) -> None:
    """Write everything but the data; ``corpus.yaml`` comes last."""
    options = [
        f"    --{name} {shlex.quote(value)} \\"
        for name, value in recipe_options(corpus).items()
    ]
    for name, target in {"run.sh": "run.sh", "data.sh": "local/data.sh"}.items():
        text = (TEMPLATE / name).read_text(encoding="utf-8")
        text = text.replace("@OPTIONS@", "\n".join(options))
        write_text(folder / target, text.replace("@COMMAND@", shlex.join(command)))
        (folder / target).chmod(0o755)
    for name in ("path.sh", "cmd.sh"):
        write_text(folder / name, (TEMPLATE / name).read_text(encoding="utf-8"))
    write_configs(folder / "conf", corpus.train_utterances, len(corpus.speakers))
    entries = asdict(corpus)
    conf = entries["g2p_conf"]
    for key, value in conf.items():
        conf[key] = value.removeprefix(f"{folder}{os.sep}")
    write_yaml(folder / CORPUS, entries)
