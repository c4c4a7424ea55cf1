"""Where to step: what exact denoisers keep, by the number and the placement of steps.

No network is involved, so nothing here is a matter of training. Two oracles:

*Open mels.* What a text leaves open of a normalised mel is taken for a Gaussian of some
standard deviation; its exact denoiser is linear, and the spread of what DDIM draws
follows in closed form. Printed is the share of the standard deviation that is kept.

*Speech.* A Wiener filter that knows the true power of every bin of the spectrogram
denoises recordings. Printed are the log-mel L1 (natural logarithms) of its prediction
at the last step of the full-size configs, which is what their sampling ends with, and
that of whole DDIM samplings between other ends.

    python3 benchmarks/step_placement.py --wav_scp data/eval1/wav.scp \
        --output benchmarks/results/step_placement.json
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import Tensor
from torch.nn import functional as F

from espnet_prodiff.diffusion import NoiseSchedule
from espnet_prodiff.diffusion.sampling_times import (
    SPEECH_POWER,
    decibels,
    resolve,
    snr_times,
)
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.fileio.audio import read_audio
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.training.registry import CLASSES

FS, N_FFT, HOP = 22050, 1024, 256
SDS = (0.1, 0.2, 0.35, 0.5, 1.0)
NOISE = -60.0  # dB
STEPS = (1, 2, 4, 8, 16, 32, 64)
CONFIGS = {
    "conf/train_diffwave.yaml": {},
    "conf/train_diffwave_large.yaml": {},
    "conf/train_diffwave_paper.yaml": {},
    "conf/train_wavegrad2.yaml": {},
    "conf/train_wavegrad2_large.yaml": {},
    "conf/train_wavegrad2_paper.yaml": {},
    "conf/distill_diffwave.yaml": {"teacher": True},
    "conf/distill_wavegrad2.yaml": {"teacher": True},
}


def kept(schedule: NoiseSchedule, times: Tensor, sd: float) -> float:
    """Share of a Gaussian's standard deviation that DDIM with its denoiser keeps."""
    alpha, sigma = schedule.alpha(times), schedule.sigma(times)
    std = 1.0
    for i in range(len(times) - 1):
        x_0 = alpha[i] * sd**2 / (alpha[i] ** 2 * sd**2 + sigma[i] ** 2)
        eps = (1 - alpha[i] * x_0) / sigma[i]
        std = std * float(alpha[i + 1] * x_0 + sigma[i + 1] * eps)
    return std / sd


def open_mels() -> dict[str, dict[str, list[float]]]:
    """Shares kept by placement and number of steps, one for each of ``SDS``."""
    cosine = NoiseSchedule.cosine(1000)
    ends = decibels(-30), decibels(30)

    def published(steps: int) -> NoiseSchedule:
        return NoiseSchedule(
            NoiseSchedule.vpsde(steps + 1).alpha(torch.arange(steps + 1))
        )

    placements: dict[str, Callable[[int], tuple[NoiseSchedule, Tensor]]] = {
        "vpsde, T betas": lambda n: _whole(NoiseSchedule.vpsde(n)),
        "vpsde, T + 1 betas": lambda n: _whole(published(n)),
        "cosine": lambda n: (cosine, cosine.timesteps(n)),
        "by SNR, -30 to 30 dB": lambda n: (cosine, snr_times(cosine, n, ends)),
    }
    return {
        name: {str(n): [kept(*place(n), sd) for sd in SDS] for n in STEPS}
        for name, place in placements.items()
    }


def _whole(schedule: NoiseSchedule) -> tuple[NoiseSchedule, Tensor]:
    return schedule, schedule.timesteps(schedule.num_train_steps)


class Speech:
    """Recordings and the Wiener filter that knows them.

    Args:
        wavs: Samples, (T_wav,) each.
    """

    def __init__(self, wavs: Iterable[Tensor]) -> None:
        self.wavs = [wav[: len(wav) // HOP * HOP] for wav in wavs]
        self.window = torch.hann_window(N_FFT)
        self.features = LogMelFbank(fs=FS, n_fft=N_FFT, n_mels=80, hop_length=HOP)
        # True local power: that of a bin and its neighbours.
        self.powers = [
            F.avg_pool2d(self._stft(wav).abs()[None] ** 2, 3, 1, 1)[0]
            for wav in self.wavs
        ]

    def _stft(self, wav: Tensor) -> Tensor:
        return torch.stft(wav, N_FFT, HOP, window=self.window, return_complex=True)

    def _denoise(self, x_t: Tensor, power: Tensor, alpha: float, sigma: float):
        noise = sigma**2 * float((self.window**2).sum())
        gain = alpha * power / (alpha**2 * power + noise)
        spectrum = gain * self._stft(x_t)
        return torch.istft(spectrum, N_FFT, HOP, window=self.window, length=len(x_t))

    def _distance(self, made: Tensor, wav: Tensor) -> float:
        mels, _ = self.features(torch.stack([made, wav]))
        return math.log(10) * float((mels[0] - mels[1]).abs().mean())

    def last_step(self, log_snr: float) -> float:
        """Log-mel L1 of one prediction at a log-SNR of data of power 1."""
        return self.sampled(torch.tensor([log_snr]), noised=True)

    def sampled(self, log_snrs: Tensor, noised: bool = False) -> float:
        """Log-mel L1 of DDIM through these log-SNRs of data of power 1.

        Args:
            log_snrs: Increasing; the result is the last prediction.
            noised: Start from the noised recording, else from noise.
        """
        log_snrs = log_snrs - math.log(SPEECH_POWER)  # of the wave as it is
        alpha = torch.sigmoid(log_snrs).sqrt().tolist()
        sigma = torch.sigmoid(-log_snrs).sqrt().tolist()
        distances = []
        for i, (wav, power) in enumerate(zip(self.wavs, self.powers, strict=True)):
            noise = torch.randn(len(wav), generator=torch.Generator().manual_seed(i))
            x_t = alpha[0] * wav + sigma[0] * noise if noised else noise
            for j in range(len(alpha)):
                x_0 = self._denoise(x_t, power, alpha[j], sigma[j])
                if j + 1 < len(alpha):
                    eps = (x_t - alpha[j] * x_0) / sigma[j]
                    x_t = alpha[j + 1] * x_0 + sigma[j + 1] * eps
            distances.append(self._distance(x_0, wav))
        return sum(distances) / len(distances)


def last_log_snr(
    config: str, teacher: bool = False, num_steps: int | None = None
) -> tuple[float, int]:
    """Log-SNR of speech at a config's last step, and its number of steps.

    Args:
        config: A training config, or one of distillation.
        teacher: Of the teacher of the distillation, whose steps its students learn.
        num_steps: Other than the config's.
    """
    conf = read_config(Path(__file__).parents[1] / config)
    tts_conf = dict(conf["tts_conf"], hop_length=HOP)
    tts = CLASSES[conf["tts"]](10, 80, **tts_conf)
    times = tts.times(conf["teacher_num_steps"] if teacher else num_steps)
    log_snr = float(tts.denoiser.schedule.log_snr(times[-2]))
    return log_snr + math.log(tts.data_power), len(times) - 1


def full_size(speech: Speech) -> dict[str, dict[str, float]]:
    """The last step of every full-size config, and of some schedules by name."""
    rows = {}
    for config, options in CONFIGS.items():
        log_snr, steps = last_log_snr(config, **options)
        rows[config] = _row(speech, log_snr, steps)
    wavegrad = NoiseSchedule.linear(1000, 1e-6, 0.01)
    base = NoiseSchedule.linear(50, 1e-4, 0.05)
    for name, schedule, times in (
        ("WaveGrad 2 (paper), wavegrad50", wavegrad, resolve("wavegrad50", wavegrad)),
        ("WaveGrad 2 (paper), 50 even steps", wavegrad, wavegrad.timesteps(50)),
        ("WaveGrad 2 (paper), 8 even steps", wavegrad, wavegrad.timesteps(8)),
        ("DiffWave BASE (paper), base6", base, resolve("base6", base)),
        ("DiffWave BASE (paper), 12 even steps", base, base.timesteps(12)),
    ):
        log_snr = float(schedule.log_snr(times[-2])) + math.log(SPEECH_POWER)
        rows[name] = _row(speech, log_snr, len(times) - 1)
    return rows


def _row(speech: Speech, log_snr: float, steps: int) -> dict[str, float]:
    distance = speech.last_step(log_snr)
    return {"steps": steps, "snr_db": log_snr / decibels(1), "log_mel_l1": distance}


def ends(speech: Speech) -> dict[str, dict[str, float]]:
    """Whole samplings with 4 to 25 steps between several ends, in dB."""
    rows = {}
    for low in (-30, -20, -10):
        for high in (20, 30, 40, 50):
            row = {}
            for n in (4, 8, 12, 25):
                levels = low + (high - low) * torch.arange(n) / n
                levels[0] = NOISE  # as the models, whose T is noise
                row[str(n)] = speech.sampled(levels * decibels(1))
            rows[f"{low} to {high} dB"] = row
    return rows


def main() -> None:
    """Print everything and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wav_scp", type=Path, required=True)
    parser.add_argument("--num_wavs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    files = list(read_table(args.wav_scp).items())[: args.num_wavs]
    wavs = [torch.from_numpy(read_audio(file, utt)).float() for utt, file in files]
    speech = Speech(wav[: round(args.seconds * FS)] for wav in wavs)
    results = {
        "command": describe_command("benchmarks/step_placement.py"),
        "machine": describe_machine(),
        "open_mels": {"sds": SDS, "share_kept": open_mels()},
        "full_size": full_size(speech),
        "ends": ends(speech),
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
