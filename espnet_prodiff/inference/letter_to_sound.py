"""Phones of words that no lexicon has: a small convolutional network over letters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.errors import CheckpointError
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.checkpoint import load_weights

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
BLANK = 0
STATES = 2  # of a letter: "x" is two phones, "ph" is one
KERNEL = 5


class LetterToSound(nn.Module):
    """Letters to phones by connectionist temporal classification (CTC).

    Every letter has two outputs, a phone or nothing each; equal neighbours are one.

    Args:
        phones: The phones that words are made of.
        channels: Width of the network.
        layers: Its residual convolutions.
    """

    def __init__(self, phones: Sequence[str], channels: int, layers: int) -> None:
        super().__init__()
        sizes = {"phones": list(phones), "channels": channels, "layers": layers}
        self.sizes: dict[str, Any] = sizes
        self.embedding = nn.Embedding(len(LETTERS) + 1, channels, padding_idx=0)
        self.convs = nn.ModuleList(
            nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2)
            for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(layers))
        self.output = nn.Conv1d(channels, STATES * (len(phones) + 1), 1)

    def forward(self, letters: Tensor) -> Tensor:
        """Log-probabilities (B, 2 N, phones + 1), 0 being none, of letters (B, N).

        Letters are numbers from 1, 0 is the padding of a batch.
        """
        mask = (letters != 0).unsqueeze(1)
        hidden = self.embedding(letters).transpose(1, 2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            hidden = (hidden + F.relu(norm(conv(hidden)))) * mask
        logits = self.output(hidden).transpose(1, 2)
        return logits.reshape(len(letters), STATES * letters.shape[1], -1).log_softmax(
            -1
        )

    @torch.no_grad()
    def __getitem__(self, word: str) -> list[str]:
        """Return the phones of a lower-case word; letters it does not know are mute."""
        numbers = letter_numbers(word)
        if not numbers:
            return []
        best = self(torch.tensor([numbers]))[0].argmax(-1).unique_consecutive()
        return [self.sizes["phones"][i - 1] for i in best.tolist() if i != BLANK]

    def save(self, path: str | Path) -> None:
        """Write sizes and weights, in half precision."""
        weights = {
            name: value.half() if value.is_floating_point() else value
            for name, value in self.state_dict().items()
        }
        with atomic_path(path) as temporary:
            torch.save({**self.sizes, "state_dict": weights}, temporary)

    @classmethod
    def load(cls, path: str | Path) -> LetterToSound:
        """Read what `save` has written, without running code from it.

        Raises:
            CheckpointError: The file is damaged, holds code or another model.
        """
        saved = load_weights(path)
        try:
            model = cls(saved["phones"], saved["channels"], saved["layers"])
            model.load_state_dict(saved["state_dict"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} is no file of LetterToSound.save: {error}"
            ) from error
        return model.eval()


def letter_numbers(word: str) -> list[int]:
    """Return the numbers of a word's letters, from 1."""
    return [LETTERS.index(letter) + 1 for letter in word if letter in LETTERS]
