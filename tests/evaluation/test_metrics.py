"""Measurements, durations, speed, mels, diversity: known answers."""

import numpy as np
import pytest

from espnet_prodiff.errors import DataError, UserError
from espnet_prodiff.evaluation.measurement import measure, measure_ratio
from espnet_prodiff.evaluation.metrics import diversity
from espnet_prodiff.evaluation.metrics.durations import (
    DURATION_ERROR,
    LENGTH_ERROR,
    length_error,
    token_error,
)
from espnet_prodiff.evaluation.metrics.mel_statistics import (
    mel_l1,
    seed_spread,
    variance_ratio,
)
from espnet_prodiff.evaluation.metrics.speed import RTF, RTF_MODEL
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair, Speed
from espnet_prodiff.evaluation.systems import System


def test_mean_and_interval():
    figure = measure([1.0, 2.0, 3.0, float("nan")])
    assert (figure.mean, figure.std, figure.n) == (2.0, 1.0, 3)
    assert figure.ci95 == pytest.approx(4.302653 / np.sqrt(3))
    assert measure([float("nan")]) is None
    assert measure([5.0]).as_dict() == {"mean": 5.0, "std": None, "ci95": None, "n": 1}


def test_ratio_is_of_the_sums_and_its_interval_covers():
    assert measure_ratio([1.0, 5.0], [10.0, 20.0]).mean == pytest.approx(0.2)
    assert measure_ratio([1.0, 2.0], [10.0, 20.0]).ci95 == pytest.approx(0)
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        b = rng.uniform(1, 5, 30)
        figure = measure_ratio(0.1 * b + rng.normal(0, 0.05, 30), b)
        covered += abs(figure.mean - 0.1) <= figure.ci95
    assert 0.92 < covered / 400 < 0.98
    with pytest.raises(ValueError, match="positive"):
        measure_ratio([1.0], [0.0])


def test_duration_errors():
    predicted, reference = np.array([2, 5, 1]), np.array([3, 3, 4])
    assert token_error(predicted, reference) == pytest.approx((1 + 2 + 3) / 3)
    assert length_error(predicted, reference) == pytest.approx(-0.2)
    with pytest.raises(UserError, match="2 predicted durations, 3 in the"):
        token_error(np.array([1, 2]), np.array([1, 2, 3]))
    with pytest.raises(UserError, match="sum to 0"):
        length_error(predicted, 0 * reference)
    pair = SpeechPair(None, None, None, predicted, reference, frame_ms=10.0)
    assert DURATION_ERROR.compute(pair) == pytest.approx(20)
    assert LENGTH_ERROR.compute(pair) == pytest.approx(-0.2)
    assert DURATION_ERROR.compute(SpeechPair(None, None, None)) is None


def test_real_time_factors_are_ratios_of_sums():
    speeds = [Speed(10.0, 1.0, 2.0), Speed(20.0, 5.0, 1.0), None]
    pairs = [SpeechPair(None, None, None, speed=speed) for speed in speeds]
    for metric, expected in ((RTF_MODEL, 6 / 30), (RTF, 9 / 30)):
        values = [metric.compute(pair) for pair in pairs]
        assert values.pop() is None
        assert metric.summarise(values).mean == pytest.approx(expected)
        assert metric.summarise([]) is None


def test_speed_is_collected_without_the_warm_up(tmp_path):
    lines = {1: "a 2 9 9\nb 2 .1 .2\nc 4 .3 .4\n", 2: "d 1 .5 .5\n", 3: ""}
    for job, text in lines.items():
        folder = tmp_path / "log" / f"output.{job}" / "speed"
        folder.mkdir(parents=True)
        (folder / "speed").write_text(text)
    expected = {
        "b": Speed(2, 0.1, 0.2),
        "c": Speed(4, 0.3, 0.4),
        "d": Speed(1, 0.5, 0.5),
    }
    assert System("x", tmp_path).read_speed() == expected
    (folder / "speed").write_text("e 0 1 1\n")
    with pytest.raises(DataError, match="speed, utterance e.*'0 1 1'"):
        System("x", tmp_path).read_speed()
    assert System("x", tmp_path / "nothing").read_speed() == {}


def test_mel_l1_and_variance():
    rng = np.random.default_rng(0)
    mel = rng.normal(size=(50, 4))
    assert mel_l1(mel, mel) == 0
    assert mel_l1(mel, mel + [1, -1, 2, -2]) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="50, 4"):
        mel_l1(mel, mel[:-1])
    assert variance_ratio(mel, mel) == pytest.approx(1)
    assert variance_ratio(0.5 * mel + 3, mel) == pytest.approx(0.25)
    assert variance_ratio(np.ones((7, 4)), mel) == 0
    half = mel * [1, 1, 0, 0]  # variance is averaged over bins before the ratio
    expected = mel[:, :2].var(0).sum() / mel.var(0).sum()
    assert variance_ratio(half, mel) == pytest.approx(expected)
    with pytest.raises(ValueError, match="does not vary"):
        variance_ratio(mel, np.ones((7, 4)))


def test_spread_over_seeds():
    rng = np.random.default_rng(0)
    mel = rng.normal(size=(20, 3))
    assert seed_spread(np.stack([mel, mel])) == 0
    assert seed_spread(np.stack([mel, mel + 2])) == pytest.approx(np.sqrt(2))
    noise = 0.3 * rng.normal(size=(50, 200, 8))
    assert seed_spread(noise + mel[0, 0]) == pytest.approx(0.3, rel=0.02)
    with pytest.raises(ValueError, match="two samples"):
        seed_spread(mel[None])


def test_two_known_histograms():
    same = diversity.compare_histograms(np.array([30, 70]), np.array([60, 140]))
    assert (same.ndb, same.jsd) == (0, pytest.approx(0, abs=1e-12))
    apart = diversity.compare_histograms(np.array([100, 0]), np.array([0, 100]))
    assert (apart.ndb, apart.jsd) == (1, pytest.approx(np.log(2)))
    # Bin 0: p = .5, q = .4, pooled .45: z = .1 / sqrt(.45 * .55 * .02) = 1.42.
    close = diversity.compare_histograms(np.array([50, 20, 30]), np.array([40, 20, 40]))
    assert close.ndb == 0
    # The same with four times the frames: z = 2.84; bin 1 stays equal.
    sure = diversity.compare_histograms(
        np.array([200, 80, 120]), np.array([160, 80, 160])
    )
    assert sure.ndb == pytest.approx(2 / 3)
    m = np.array([0.45, 0.2, 0.35])
    jsd = sum(
        0.5 * (x * np.log(x / m)).sum()
        for x in (np.array([0.5, 0.2, 0.3]), np.array([0.4, 0.2, 0.4]))
    )
    assert close.jsd == pytest.approx(jsd)
    assert sure.jsd == pytest.approx(jsd)


def test_bins_find_a_missing_mode():
    rng = np.random.default_rng(0)
    centres = 20 * rng.normal(size=(8, 5))
    recorded = (centres[:, None] + rng.normal(size=(8, 200, 5))).reshape(-1, 5)
    bins = diversity.fit_bins(recorded, 8)
    counts = diversity.histogram(bins, recorded)
    assert sorted(counts) == [200] * 8
    again = (centres[:, None] + rng.normal(size=(8, 150, 5))).reshape(-1, 5)
    whole = diversity.compare_histograms(diversity.histogram(bins, again), counts)
    assert (whole.ndb, whole.jsd) == (0, pytest.approx(0, abs=1e-12))
    collapsed = diversity.histogram(bins, again[: 4 * 150])
    assert diversity.compare_histograms(collapsed, counts).ndb == 1
    with pytest.raises(ValueError, match="too few"):
        diversity.fit_bins(recorded[:5], 8)
