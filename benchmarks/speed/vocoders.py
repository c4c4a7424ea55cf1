"""Mel to wave: our vocoders and the peers. All weights are random."""

from collections.abc import Callable
from functools import cache

import torch
from espnet2.gan_tts.hifigan.hifigan import HiFiGANGenerator
from espnet2.utils.griffin_lim import Spectrogram2Waveform
from torch import Tensor

from speed import ours
from speed.mels import FBANK, speech_like_mel
from speed.sizes import HIFIGAN, VOCOS, shrunk
from speed.subject import HOP, N_MELS, Case, Run, Subject, peer_run


def griffin_lim(rounds: int) -> Callable[[Case], Run]:
    """ESPnet's default vocoder, librosa's fast Griffin-Lim."""

    def make(case: Case) -> Run:
        vocoder = Spectrogram2Waveform(
            n_shift=HOP,
            n_mels=N_MELS,
            griffin_lim_iters=rounds,
            **{k: v for k, v in FBANK.items() if k != "hop_length"},
        )
        mel = speech_like_mel(case.frames)
        return Run(lambda: [vocoder(mel) for _ in range(case.batch)])

    return make


def hifigan(size: str) -> Callable[[Case], Run]:
    """ESPnet's HiFi-GAN generator, its weight normalisation folded in."""

    def make(case: Case) -> Run:
        return generator_run(build_hifigan(size, case.tiny), case)

    return make


@cache
def build_hifigan(size: str, tiny: bool) -> HiFiGANGenerator:
    """V1 or V2."""
    torch.manual_seed(0)
    model = HiFiGANGenerator(N_MELS, **shrunk(HIFIGAN[size], tiny)).eval()
    model.remove_weight_norm()
    return model


def vocos(case: Case) -> Run:
    """Vocos from its package, for our mels."""
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    sizes = shrunk(VOCOS, case.tiny)
    torch.manual_seed(0)
    backbone = VocosBackbone(input_channels=N_MELS, **sizes).eval()
    head = ISTFTHead(sizes["dim"], n_fft=1024, hop_length=HOP).eval()
    return generator_run(lambda mel: head(backbone(mel).float()), case)


def lmnt_diffwave(case: Case) -> Run:
    """One step of lmnt's DiffWave, the package ``diffwave``, at the size of BASE."""
    from diffwave.model import DiffWave as Lmnt
    from diffwave.params import AttrDict

    options = {
        "n_mels": N_MELS,
        "noise_schedule": [0.1] * 50,
        "unconditional": False,
        "residual_layers": 2 if case.tiny else 30,
        "residual_channels": 8 if case.tiny else 64,
        "dilation_cycle_length": 2 if case.tiny else 10,
    }
    model = Lmnt(AttrDict(options)).eval()
    noise, step = torch.randn(case.batch, case.frames * HOP), torch.tensor([3])
    return generator_run(
        lambda mel: model(audio=noise, spectrogram=mel, diffusion_step=step), case
    )


def generator_run(model: Callable[[Tensor], Tensor], case: Case) -> Run:
    """A run of a network from mels (B, N_MELS, L) to waves, the whole batch at once."""
    mels = torch.stack([speech_like_mel(case.frames).T] * case.batch)

    @torch.no_grad()
    def call() -> list[Tensor]:
        return [wave.flatten() for wave in model(mels)]

    return peer_run(call, case)


BASE, MINI = "train_diffwave.yaml", "mini/train_diffwave.yaml"
STEP = {"vocoder_num_steps": 1}
SUBJECTS = [
    Subject("built-in vocoder", ours.to_wave(), True, ["fp32"], "none"),
    Subject("spectral vocoder", ours.to_wave(ours.SPECTRAL), True),
    Subject("DiffWave BASE, 1 step", ours.to_wave(BASE, **STEP), True),
    Subject("mini DiffWave, 1 step", ours.to_wave(MINI, **STEP), True),
    Subject("lmnt's DiffWave BASE, 1 step", lmnt_diffwave, precisions=["fp32"]),
    Subject("ESPnet Griffin-Lim, 8 rounds", griffin_lim(8), False, ["fp32"], "none"),
    Subject("ESPnet Griffin-Lim, 32 rounds", griffin_lim(32), False, ["fp32"], "none"),
    Subject("HiFi-GAN V1", hifigan("V1")),
    Subject("HiFi-GAN V2", hifigan("V2")),
    Subject("Vocos", vocos),
]
