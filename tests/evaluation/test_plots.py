"""Pictures: what they show, as far as numbers tell."""

import datetime

import librosa
import matplotlib.image
import numpy as np
import pytest
import torch

from espnet_prodiff.errors import CheckpointError
from espnet_prodiff.evaluation.plots import losses as plot_losses
from espnet_prodiff.evaluation.plots import mel_axes
from espnet_prodiff.evaluation.plots import mels as plot_mels
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes, plot_mel
from espnet_prodiff.fileio.figures import new_figure

SCALE = MelAxes(fs=22050, hop_length=256, n_mels=80, fmin=80, fmax=7600)


@pytest.fixture
def saved(monkeypatch):
    """Figures by the name of the file, as they are handed to be saved."""
    figures = {}
    real = mel_axes.save_figure

    def keep(figure, path):
        figures[path.name] = figure
        return real(figure, path)

    for module in (plot_mels, mel_axes, plot_losses):
        monkeypatch.setattr(module, "save_figure", keep)
    return figures


def test_ticks_lie_at_the_centres_of_their_bins():
    centres = librosa.mel_frequencies(82, fmin=80, fmax=7600)[1:-1]
    positions, labels = SCALE.ticks()
    assert labels == ["0.2", "0.5", "1", "2", "4"]
    for position, label in zip(positions, labels, strict=True):
        below, above = centres[int(position)], centres[int(position) + 1]
        assert below <= 1000 * float(label) <= above


def test_a_mel_is_drawn_upright_over_seconds():
    mel = np.zeros((100, 80))
    mel[10, 70] = 1.0
    axes = new_figure(4, 3).subplots()
    image = plot_mel(axes, mel, SCALE)
    assert image.get_array()[70, 10] == 1.0
    assert image.origin == "lower"
    left, right, bottom, top = image.get_extent()
    assert (left, right) == (0, pytest.approx(100 * 256 / 22050))
    assert (bottom, top) == (-0.5, 79.5)


def test_systems_share_time_and_colours_in_decibels(tmp_path, saved):
    rng = np.random.default_rng(0)
    mels = {"recording": rng.normal(size=(50, 80)), "student": np.zeros((60, 80))}
    path = plot_mels.plot_mels(mels, SCALE, "u1: hello", tmp_path / "mel.png")
    rows = saved["mel.png"].axes[:2]
    assert [a.get_title(loc="left") for a in rows] == ["recording", "student"]
    first, second = (a.get_images()[0] for a in rows)
    np.testing.assert_allclose(first.get_array(), 20 * mels["recording"].T)
    assert first.get_clim() == second.get_clim()
    assert first.get_clim()[1] == pytest.approx(20 * mels["recording"].max())
    assert rows[0].get_xlim() == rows[1].get_xlim()
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[1] > 800
    assert pixels[..., :3].std() > 0.1
    assert list(tmp_path.iterdir()) == [path]


def test_tokens_stand_over_their_frames(tmp_path, saved):
    tokens = ["h", "i", "!", "eos"]
    durations = np.array([10, 20, 0, 5])
    plot_mels.plot_alignment(
        np.zeros((35, 80)), durations, tokens, SCALE, "u1", tmp_path / "a.png"
    )
    axes = saved["a.png"].axes[0]
    frame = 256 / 22050
    boundaries = [line.get_xdata()[0] / frame for line in axes.get_lines()]
    np.testing.assert_allclose(boundaries, [10, 30, 35])
    labels = {t.get_text(): t.get_position()[0] / frame for t in axes.texts}
    assert labels == pytest.approx({"h": 5, "i": 20, "eos": 32.5})
    with pytest.raises(ValueError, match="4 durations for 3 tokens"):
        plot_mels.plot_alignment(
            np.zeros((35, 80)), durations, tokens[:3], SCALE, "u1", tmp_path / "b.png"
        )


@pytest.mark.parametrize("count, columns", [(2, 2), (30, 8)])
def test_every_step_is_drawn_up_to_eight(tmp_path, saved, count, columns):
    times = np.linspace(4, 0, count + 1)
    mels = [torch.full((1, 80, 10), float(t)) for t in times]
    steps = [
        {"t": times[n], "s": times[n + 1], "x_t": mels[n], "x_0": mels[n + 1]}
        for n in range(count)
    ]
    plot_mels.plot_denoising(steps, SCALE, "u1", tmp_path / "d.png")
    grid = saved["d.png"].axes[: 2 * columns]
    noisy = [a.get_images()[0].get_array()[0, 0] for a in grid[:columns]]
    assert noisy[0] == 4 and noisy[-1] == pytest.approx(times[-2])
    assert grid[0].get_title(loc="left") == "noisy, t = 4"
    assert grid[-1].get_images()[0].get_array()[0, 0] == 0


def checkpoint(path, extra=None):
    parts = {"time": datetime.timedelta(seconds=3), "total_count": 5}
    stats = {
        epoch: {
            "train": {"loss": np.float64(1.0 / epoch), **parts},
            "valid": {"loss": 2.0 / epoch, **parts},
        }
        for epoch in (1, 2)
    }
    state = {"reporter": {"stats": stats, "epoch": 2}, "model": {}, "extra": extra}
    torch.save(state, path)


def test_losses_of_the_reporter_are_drawn(tmp_path, saved):
    checkpoint(tmp_path / "checkpoint.pth")
    losses = plot_losses.read_losses(tmp_path)
    assert losses == {"train": {1: 1.0, 2: 0.5}, "valid": {1: 2.0, 2: 1.0}}
    plot_losses.plot_losses({"teacher": losses}, tmp_path / "losses.png")
    (axes,) = saved["losses.png"].axes
    train, valid = axes.get_lines()
    np.testing.assert_array_equal(train.get_xydata(), [[1, 1.0], [2, 0.5]])
    assert valid.get_label() == "valid"


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a checkpoint was run')",))


def test_losses_never_run_code(tmp_path):
    checkpoint(tmp_path / "checkpoint.pth", extra=Evil())
    with pytest.raises(CheckpointError, match="checkpoint.pth was refused"):
        plot_losses.read_losses(tmp_path)
    (tmp_path / "checkpoint.pth").write_bytes(b"garbage")
    with pytest.raises(CheckpointError, match="checkpoint.pth is not a checkpoint"):
        plot_losses.read_losses(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        plot_losses.read_losses(tmp_path / "nowhere")
