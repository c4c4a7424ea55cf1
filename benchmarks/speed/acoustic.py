"""Text to mel: our teachers and students, and the peers. All weights are random."""

import inspect
import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from espnet2.tts.fastspeech2 import FastSpeech2
from espnet2.tts.prodiff import ProDiff as Builtin

from speed.ours import MINI, NARROW, PAPER, QUARTER, to_mel
from speed.sizes import BUILTIN_PAPER, FASTSPEECH2, shrunk, tts_conf
from speed.subject import (
    FRAMES_PER_TOKEN,
    IDIM,
    N_MELS,
    Case,
    Run,
    Subject,
    one_by_one,
    peer_run,
    say_frames,
)


def builtin(config: str, num_steps: int) -> Callable[[Case], Run]:
    """ESPnet's ProDiff, of which a step is an option of the model."""

    def make(case: Case) -> Run:
        model = build_builtin(config, num_steps, case.tiny)
        texts = case.texts()
        call = one_by_one(lambda text: model.inference(text)["feat_gen"], texts)
        return peer_run(call, case)

    return make


@cache
def build_builtin(config: str, num_steps: int, tiny: bool) -> Builtin:
    """ESPnet's ProDiff with the options of a config of ours that it has."""
    torch.manual_seed(0)
    options = builtin_options(tts_conf(config, tiny), num_steps)
    model = Builtin(IDIM, N_MELS, **options).eval()
    say_frames(model.duration_predictor, FRAMES_PER_TOKEN)
    return model


def builtin_options(conf: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """Options of ours that ESPnet's ProDiff has as well, and its recipe's diffusion."""
    known = inspect.signature(Builtin).parameters
    shared = {name: value for name, value in conf.items() if name in known}
    return shared | BUILTIN_PAPER | {"diffusion_steps": num_steps}


def fastspeech2(case: Case) -> Run:
    """ESPnet's FastSpeech 2."""
    model = FastSpeech2(IDIM, N_MELS, **shrunk(FASTSPEECH2, case.tiny)).eval()
    say_frames(model.duration_predictor, FRAMES_PER_TOKEN)

    @torch.no_grad()
    def speak(text: torch.Tensor) -> torch.Tensor:
        return model.inference(text)["feat_gen"]

    return peer_run(one_by_one(speak, case.texts()), case)


def matcha(num_steps: int) -> Callable[[Case], Run]:
    """Matcha-TTS at its LJSpeech size, where the package is installed."""

    def make(case: Case) -> Run:
        model = build_matcha()
        lengths = torch.full((case.batch,), case.tokens)
        ids = torch.randint(1, IDIM - 1, (case.batch, case.tokens))
        call = lambda: list(  # noqa: E731
            model.synthesise(ids, lengths, num_steps)["mel"].transpose(1, 2)
        )
        return peer_run(call, case)

    return make


@cache
def build_matcha() -> torch.nn.Module:
    """Matcha-TTS with the sizes of its own configs."""
    from matcha.models.matcha_tts import MatchaTTS

    durations = {"filter_channels_dp": 256, "kernel_size": 3, "p_dropout": 0.1}
    encoder = dict(
        durations,
        n_feats=N_MELS,
        n_channels=192,
        filter_channels=768,
        n_heads=2,
        n_layers=6,
        spk_emb_dim=64,
        n_spks=1,
        prenet=True,
    )
    decoder = {
        "channels": [256, 256],
        "dropout": 0.05,
        "attention_head_dim": 64,
        "n_blocks": 1,
        "num_mid_blocks": 2,
        "num_heads": 2,
        "act_fn": "snakebeta",
    }
    model = MatchaTTS(
        n_vocab=IDIM,
        n_spks=1,
        spk_emb_dim=64,
        n_feats=N_MELS,
        encoder=SimpleNamespace(
            encoder_type="RoPE Encoder",
            encoder_params=SimpleNamespace(**encoder),
            duration_predictor_params=SimpleNamespace(**durations),
        ),
        decoder=decoder,
        cfm=SimpleNamespace(solver="euler", sigma_min=1e-4),
        data_statistics={"mel_mean": 0.0, "mel_std": 1.0},
        out_size=None,
    ).eval()
    last = model.encoder.proj_w.proj
    torch.nn.init.zeros_(last.weight)  # it rounds up
    torch.nn.init.constant_(last.bias, math.log(FRAMES_PER_TOKEN - 0.5))
    return model


SUBJECTS = [
    Subject("teacher, 4 steps", to_mel(PAPER, 4), True),
    Subject("student, 2 steps", to_mel(PAPER, 2), True),
    Subject("student, 1 step", to_mel(PAPER, 1), True),
    Subject("half-cost student, 1 step", to_mel("distill_prodiff_half.yaml", 1), True),
    Subject(
        "quarter-cost student, 1 step", to_mel("distill_prodiff_quarter.yaml", 1), True
    ),
    Subject("student of 8 x 160, 1 step", to_mel(PAPER, 1, **NARROW), True),
    Subject("ESPnet ProDiff, 4 steps", builtin(PAPER, 4)),
    Subject("ESPnet ProDiff, 2 steps", builtin(PAPER, 2)),
    Subject("ESPnet FastSpeech 2", fastspeech2),
    Subject("Matcha, 2 steps", matcha(2)),
    Subject("Matcha, 4 steps", matcha(4)),
    Subject("mini teacher, 4 steps", to_mel(MINI, 4), True),
    Subject("mini student, 2 steps", to_mel(MINI, 2), True),
    Subject("mini student, 1 step", to_mel(MINI, 1), True),
    Subject(
        "mini half-cost student, 1 step",
        to_mel("mini/distill_prodiff_half.yaml", 1),
        True,
    ),
    Subject("mini quarter-cost student, 1 step", to_mel(QUARTER, 1), True),
    Subject("ESPnet ProDiff at the mini size, 2 steps", builtin(MINI, 2)),
]
