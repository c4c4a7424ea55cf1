"""Plots of the aligner's training and of its alignments."""

from pathlib import Path

import numpy as np
import torch

from espnet_prodiff.fileio.figures import new_figure, save_figure


def plot_losses(history: list[tuple[float, float]], path: Path) -> None:
    """Plot the two losses over the updates into a PNG file."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    updates = np.arange(1, len(history) + 1)
    axes.plot(updates, np.array(history), label=("forward sum", "binarisation"))
    axes.set(xlabel="update", ylabel="loss", yscale="log", title="Aligner")
    axes.legend()
    save_figure(figure, path)


def plot_alignment(
    utt: str,
    attention: torch.Tensor,
    mel: torch.Tensor,
    durations: torch.Tensor,
    path: Path,
) -> None:
    """Plot attention and mel with the boundaries into a PNG file.

    Args:
        utt: The title.
        attention: Log attention (L, N + 1).
        mel: Log-mel frames (L, num_mels).
        durations: Frames (N + 1,).
        path: The file.
    """
    figure = new_figure(9, 6)
    above, below = figure.subplots(2, 1, sharex=True)
    # The prior makes log attention small everywhere; the share in a frame is clear.
    shares = attention.softmax(dim=1).T
    above.imshow(shares, origin="lower", aspect="auto", cmap="Blues")
    ends = durations.cumsum(0).numpy()
    path_of_tokens = np.repeat(np.arange(len(durations)), durations.numpy())
    above.step(range(len(attention)), path_of_tokens, color="tab:red", linewidth=1)
    above.set(ylabel="token", title=utt)
    below.imshow(mel.T, origin="lower", aspect="auto", cmap="magma")
    below.vlines(ends[:-1] - 0.5, 0, mel.size(1) - 1, color="white", linewidth=0.5)
    below.set(xlabel="frame", ylabel="mel band")
    save_figure(figure, path)
