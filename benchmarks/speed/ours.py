"""Our models with random weights, behind the package's own door: `Text2Speech`."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from espnet_prodiff import Text2Speech
from espnet_prodiff.fileio.config import read_config
from speed.experiment import write_experiment
from speed.mels import speech_like_mel
from speed.sizes import CONF, tts_conf
from speed.subject import Case, Run

PAPER, MINI = "train_prodiff.yaml", "mini/train_prodiff.yaml"
QUARTER = "mini/distill_prodiff_quarter.yaml"
SPECTRAL = "train_spectral_vocoder.yaml"
NARROW = {"denoiser_layers": 8, "denoiser_channels": 160, "diffusion_cycle_ln": 3}
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}

Make = Callable[[Case], Run]


@cache
def speaker(
    config: str,
    precision: str,
    tiny: bool,
    vocoder: str | None = None,
    tiny_vocoder: bool = False,
    **changes: Any,
) -> Text2Speech:
    """A `Text2Speech` of a model's config, what differs from it, and a vocoder's."""
    sizes = {"model_file": tiny, "vocoder_file": tiny_vocoder}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for kind, name in (("model_file", config), ("vocoder_file", vocoder)):
            if name is not None:
                conf = tts_conf(name, sizes[kind])
                if kind == "model_file" and not tiny:
                    conf |= changes
                tts = read_config(CONF / name)["tts"]
                files[kind] = write_experiment(Path(folder) / kind, tts, conf)
        return Text2Speech(**files, dtype=DTYPES[precision])


def to_mel(config: str, num_steps: int, **changes: Any) -> Make:
    """A batch of texts to mels."""

    def make(case: Case) -> Run:
        speak = speaker(config, case.precision, case.tiny, **changes)
        items = [{"text": text} for text in case.texts()]
        options = speak.options(num_steps=num_steps, seed=0)

        def call() -> list:
            return [out["feat_gen"] for out in speak.features(items, options)]

        return Run(call, call)

    return make


def to_wave(vocoder: str | None = None, **options: Any) -> Make:
    """A batch of mels to waves; without a config by the built-in vocoder."""

    def make(case: Case) -> Run:
        # Any acoustic model will do, as long as its mels are the vocoder's.
        speak = speaker(MINI, case.precision, True, vocoder, case.tiny)
        outputs = [{"feat_gen_denorm": speech_like_mel(case.frames)}] * case.batch
        chosen = speak.options(seed=0, **options)

        def call() -> list:
            return [speak.vocode(dict(out), chosen)["wav"] for out in outputs]

        return Run(call, call if vocoder else None)

    return make


def speech(config: str, vocoder: str | None = None, **changes: Any) -> Make:
    """A batch of texts to waves, in one step."""

    def make(case: Case) -> Run:
        speak = speaker(
            config, case.precision, case.tiny, vocoder, case.tiny, **changes
        )
        texts = case.texts()

        def call() -> list:
            outputs = speak.batch(texts, num_steps=1, seed=0)
            return [out["wav"] for out in outputs]

        return Run(call, call)

    return make
