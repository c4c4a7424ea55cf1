"""Text to wave: our `Text2Speech` and the peers. All weights are random."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from espnet2.gan_tts.jets.generator import JETSGenerator
from espnet2.gan_tts.vits import VITS
from espnet2.gan_tts.vits.generator import VITSGenerator
from torch import Tensor, nn

from speed import acoustic, ours, vocoders
from speed.ours import NARROW, PAPER, QUARTER, SPECTRAL
from speed.sizes import JETS, shrunk
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


def jets(case: Case) -> Run:
    """ESPnet's JETS; of a batch it would make one long sentence."""
    torch.manual_seed(0)
    model = JETSGenerator(IDIM, N_MELS, **shrunk(JETS, case.tiny)).eval()
    say_frames(model.duration_predictor, FRAMES_PER_TOKEN)
    return end_to_end(model, case)


def vits(case: Case) -> Run:
    """ESPnet's VITS with its default sizes."""
    torch.manual_seed(0)
    options = inspect.signature(VITS).parameters["generator_params"].default
    sizes = {**options, "vocabs": IDIM, "aux_channels": N_MELS}
    model = VITSGenerator(**shrunk(sizes, case.tiny)).eval()
    model.duration_predictor = SameDuration(model.duration_predictor)
    return end_to_end(model, case)


class SameDuration(nn.Module):
    """A duration predictor that works and is not listened to."""

    def __init__(self, predictor: nn.Module) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, *inputs: Any, **options: Any) -> Tensor:
        """Logarithms of durations that are rounded up to those of all."""
        predicted = self.predictor(*inputs, **options)
        return torch.full_like(predicted, math.log(FRAMES_PER_TOKEN - 0.5))


def end_to_end(model: nn.Module, case: Case) -> Run:
    """A run of one of ESPnet's generators from tokens to waves."""
    length = torch.tensor([case.tokens])

    @torch.no_grad()
    def speak(text: Tensor) -> Tensor:
        ids = torch.cat([text, text[:1]])[None]  # no eos: a token more
        return model.inference(text=ids, text_lengths=length)[0].flatten()

    return peer_run(one_by_one(speak, case.texts()), case)


def in_turn(to_mel: Callable[[Case], Run], to_wave: Callable[[Case], Run]) -> Callable:
    """Two peers one after the other; the wave is made of another mel as long.

    A vocoder takes as long whatever a network of random weights would give it.
    """

    def make(case: Case) -> Run:
        first, second = to_mel(case), to_wave(case)

        def call() -> object:
            first.call()
            return second.call()

        def plain() -> None:
            for run in (first, second):
                if run.plain is not None:
                    run.plain()

        return Run(call, plain)

    return make


SUBJECTS = [
    Subject("student of 8 x 160, built-in vocoder", ours.speech(PAPER, **NARROW), True),
    Subject("mini quarter-cost student, built-in vocoder", ours.speech(QUARTER), True),
    Subject(
        "student of 8 x 160, spectral vocoder",
        ours.speech(PAPER, SPECTRAL, **NARROW),
        True,
    ),
    Subject(
        "mini quarter-cost student, spectral vocoder",
        ours.speech(QUARTER, SPECTRAL),
        True,
    ),
    Subject(
        "WaveGrad 2 Base, 1 step", ours.speech("train_wavegrad2.yaml"), True, ["fp32"]
    ),
    Subject(
        "ESPnet ProDiff, 2 steps, its Griffin-Lim",
        in_turn(acoustic.builtin(PAPER, 2), vocoders.griffin_lim(8)),
        precisions=["fp32"],
    ),
    Subject(
        "ESPnet FastSpeech 2, HiFi-GAN V2",
        in_turn(acoustic.fastspeech2, vocoders.hifigan("V2")),
    ),
    Subject("Matcha, 2 steps, Vocos", in_turn(acoustic.matcha(2), vocoders.vocos)),
    Subject("ESPnet JETS", jets, precisions=["fp32"]),
    Subject("ESPnet VITS", vits, precisions=["fp32"]),
]
