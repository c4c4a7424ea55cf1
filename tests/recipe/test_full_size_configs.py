"""The last sampling step of the full-size configs starts from nearly clean speech.

`benchmarks/step_placement.py` holds the oracle: a Wiener filter that knows the true
power of every bin. At an SNR of 3 dB, where 50 even steps of WaveGrad 2 end, its
log-mels are 1.5 off; Griffin-Lim's are .18.
"""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet_prodiff.diffusion import NoiseSchedule

LOCAL = "egs2_recipe/mini/tts1/local"


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path("benchmarks/step_placement.py")


@pytest.fixture(scope="module")
def speech(benchmark):
    sys.path.insert(0, str(Path(LOCAL).resolve()))
    try:
        from espeak import Espeak, Style
    finally:
        sys.path.pop(0)
    espeak = Espeak()
    texts = ("the birch canoe slid on the smooth planks", "rice is often served")
    samples = [espeak.synthesize(text, Style(voice="en-us"))[0] for text in texts]
    wavs = [torch.from_numpy(s.astype(np.float32) / 2**15) for s in samples]
    assert 0.001 < float(torch.cat(wavs).square().mean()) < 0.02
    return benchmark["Speech"](wavs)


def test_oracle_error_of_a_noisy_and_a_clean_last_step(benchmark, speech):
    even = NoiseSchedule.linear(1000, 1e-6, 0.01)
    last = float(even.log_snr(20.0)) + np.log(benchmark["SPEECH_POWER"])
    assert speech.last_step(last) > 1.2
    assert speech.last_step(benchmark["decibels"](36)) < 0.4


@pytest.mark.parametrize(
    "config, teacher",
    [
        ("conf/train_diffwave.yaml", False),
        ("conf/train_diffwave_large.yaml", False),
        ("conf/train_wavegrad2.yaml", False),
        ("conf/train_wavegrad2_large.yaml", False),
        ("conf/train_wavegrad2_paper.yaml", False),
        # Students are trained towards the result of their teacher's last step.
        ("conf/distill_diffwave.yaml", True),
        ("conf/distill_wavegrad2.yaml", True),
        ("conf/mini/distill_diffwave.yaml", True),
        ("conf/mini/distill_wavegrad2.yaml", True),
    ],
)
def test_last_step_ends_with_clean_speech(benchmark, speech, config, teacher):
    log_snr, _ = benchmark["last_log_snr"](config, teacher)
    assert speech.last_step(log_snr) <= 0.8


@pytest.mark.parametrize("num_steps", [4, 6, 8, 12, 25])
def test_last_of_few_steps_ends_with_clean_speech(benchmark, speech, num_steps):
    for config in ("conf/train_diffwave.yaml", "conf/train_wavegrad2.yaml"):
        log_snr, _ = benchmark["last_log_snr"](config, num_steps=num_steps)
        assert speech.last_step(log_snr) <= 0.8


def test_the_papers_diffwave_ends_at_its_first_trained_level(benchmark, speech):
    log_snr, steps = benchmark["last_log_snr"]("conf/train_diffwave_paper.yaml")
    assert steps == 50
    assert log_snr / benchmark["decibels"](1) == pytest.approx(16, abs=0.1)
    assert speech.last_step(log_snr) <= 0.9
    # As few steps end there too, not at noise.
    fewer, _ = benchmark["last_log_snr"]("conf/train_diffwave_paper.yaml", num_steps=12)
    assert fewer == log_snr
