"""Scores of a vocoder against values that are known beforehand."""

import numpy as np
import pytest
import soundfile as sf
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.metrics import RESYNTHESIS
from espnet_prodiff.evaluation.metrics.resynthesis import (
    log_mel_l1,
    pesq_wideband,
    short_time_intelligibility,
)
from espnet_prodiff.evaluation.metrics.subjects import WavePair
from espnet_prodiff.evaluation.score_speech import score_systems
from espnet_prodiff.evaluation.systems import System

FS, HOP = 22050, 256
# P.862.2 of the best raw score, 4.5.
IDENTITY = 0.999 + 4 / (1 + np.exp(-1.3669 * 4.5 + 3.8224))


@pytest.fixture(scope="module")
def feats_extract():
    return LogMelFbank(fs=FS, n_fft=1024, hop_length=HOP, n_mels=40)


def syllables(seconds):
    """Three bursts of a voice a second, above a little noise."""
    t = np.arange(int(seconds * FS)) / FS
    voice = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 40))
    noise = np.random.default_rng(1).standard_normal(len(t))
    return 0.2 * np.clip(np.sin(6 * np.pi * t), 0, 1) * voice + 1e-3 * noise


def with_noise(wav, snr):
    noise = np.random.default_rng(0).standard_normal(len(wav))
    return wav + noise * wav.std() * 10 ** (-snr / 20)


def score(recorded, resynthesised, feats_extract):
    pair = WavePair.cut(recorded, resynthesised, FS, feats_extract)
    return {metric.key: metric.compute(pair) for metric in RESYNTHESIS}


def test_a_wave_is_as_good_as_itself(feats_extract):
    wav = syllables(2)
    scores = score(wav, wav, feats_extract)
    assert scores["pesq"] == pytest.approx(IDENTITY, abs=1e-3)
    assert scores["stoi"] == pytest.approx(1, abs=1e-6)
    assert scores["log_mel_l1"] == 0


def test_noise_costs_more_the_louder_it_is(feats_extract):
    wav = syllables(2)
    noisy = [with_noise(wav, snr) for snr in (50, 40, 30, 10, -10)]
    scores = [score(wav, other, feats_extract) for other in noisy]
    for better, worse in zip(scores, scores[1:], strict=False):
        assert better["pesq"] > worse["pesq"]
        assert better["stoi"] > worse["stoi"]
        assert better["log_mel_l1"] < worse["log_mel_l1"]
    assert 1 < scores[-1]["pesq"] < 1.1 and scores[-1]["stoi"] < 0.65


@pytest.mark.parametrize("base", [10.0, 2.0, None])
def test_a_factor_of_e_is_one_natural_logarithm(base):
    extract = LogMelFbank(fs=FS, n_fft=1024, hop_length=HOP, n_mels=40, log_base=base)
    wav = syllables(1)
    assert log_mel_l1(wav, np.e * wav, extract) == pytest.approx(1, abs=1e-4)
    assert log_mel_l1(0 * wav, 0 * wav, extract) == 0


def test_a_gain_changes_neither_pesq_nor_stoi():
    wav = syllables(1)
    assert pesq_wideband(wav, 0.5 * wav, FS) == pytest.approx(IDENTITY, abs=0.02)
    assert short_time_intelligibility(wav, 0.5 * wav, FS) == pytest.approx(1, abs=1e-6)


def test_what_is_not_defined_is_nan():
    wav = syllables(1)
    assert np.isnan(pesq_wideband(0 * wav, wav, FS))
    assert np.isnan(pesq_wideband(0 * wav, 0 * wav, FS))
    assert np.isnan(pesq_wideband(wav[:2000], wav[:2000], FS))
    assert np.isnan(short_time_intelligibility(0 * wav, wav, FS))
    assert np.isnan(short_time_intelligibility(wav[:2000], wav[:2000], FS))
    assert short_time_intelligibility(wav, 0 * wav, FS) == pytest.approx(0, abs=1e-6)


def test_a_long_recording_is_scored_in_parts():
    wav = syllables(12)
    noisy = with_noise(wav, 40)
    parts = [slice(None, len(wav)), slice(len(wav), None)]
    long, coarse = np.concatenate([wav, wav]), np.concatenate([wav, noisy])
    one_by_one = np.mean([pesq_wideband(long[p], coarse[p], FS) for p in parts])
    assert pesq_wideband(long, coarse, FS) == pytest.approx(one_by_one, abs=0.05)
    # In one piece its 90 bursts bring the library down.
    bursts = np.tile(syllables(1), 30)
    assert pesq_wideband(bursts, bursts, FS) == pytest.approx(IDENTITY, abs=1e-3)


def test_the_length_has_to_fit_within_a_frame(tmp_path, feats_extract):
    wav = syllables(1)
    sf.write(tmp_path / "a.wav", wav, FS)
    data = EvaluationSet(tmp_path, FS, {"u1": tmp_path / "a.wav"}, {"u1": "a"})
    for name, length in (("fits", len(wav) - HOP), ("short", len(wav) - HOP - 1)):
        (tmp_path / name / "wav").mkdir(parents=True)
        sf.write(tmp_path / name / "wav" / "u1.wav", wav[:length], FS)

    def scores(name, is_resynthesis):
        system = System(name, tmp_path / name, is_resynthesis)
        return score_systems(data, [system], feats_extract)[name]

    fits = scores("fits", True)
    assert fits["pesq"]["u1"] == pytest.approx(IDENTITY, abs=1e-3)
    assert (fits["stoi"]["u1"], fits["log_mel_l1"]["u1"]) == (pytest.approx(1), 0)
    message = (
        r"'short', utterance u1 \(.*short/wav/u1.wav\): 21793 samples, 22050 in the "
        r"recording: expected as many within a frame of 256"
    )
    with pytest.raises(DataError, match=message):
        scores("short", True)
    # As speech it may be shorter.
    assert scores("short", False).keys() == {"mcd", "log_f0_rmse"}
