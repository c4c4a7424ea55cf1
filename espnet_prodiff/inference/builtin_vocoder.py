"""The built-in vocoder: a wave from mels without training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from espnet_prodiff.common.mel_inversion import MelInversion
from espnet_prodiff.common.mel_matrix import mel_matrix
from espnet_prodiff.errors import VocoderError
from espnet_prodiff.inference.mel_contract import MelContract

ROUNDS = 8


class BuiltinVocoder:
    """Magnitudes that agree with the mel, phases by fast Griffin-Lim: `MelInversion`.

    The same wave for the same mels, in bounded memory.

    Attributes:
        fs: Sampling rate in Hz.
        contract: What the mels are made of.
        rounds: Rounds of Griffin-Lim.
    """

    def __init__(
        self,
        contract: MelContract,
        rounds: int = ROUNDS,
        device: str = "cpu",
    ) -> None:
        """Prepare the inverse of the mel matrix.

        Args:
            contract: What the mels are made of.
            rounds: Rounds of Griffin-Lim, 1 or more.
            device: Where it runs.

        Raises:
            VocoderError: ``rounds`` is not a positive whole number.
        """
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
            raise VocoderError(
                f"griffin_lim_iters is {rounds!r}, expected a whole number >= 1"
            )
        self.fs, self.contract, self.rounds = contract.fs, contract, rounds
        matrix = mel_matrix(
            sr=contract.fs,
            n_fft=contract.n_fft,
            n_mels=contract.n_mels,
            fmin=contract.fmin,
            fmax=contract.fmax,
            htk=contract.mel_scale == "htk",
        )
        self._inversion = MelInversion(
            torch.from_numpy(matrix),
            _window(contract),
            contract.hop_length,
            rounds,
        ).to(device)
        base = math.e if contract.log_base == "e" else float(contract.log_base)
        # torch's normalised spectra are smaller by the root of the FFT size.
        self._scale = math.sqrt(contract.n_fft) if contract.normalized else 1.0
        self._log_base = math.log(base)

    def __repr__(self) -> str:
        return f"BuiltinVocoder(rounds={self.rounds}, {self.contract})"

    def __call__(self, feats: Tensor) -> Tensor:
        """Turn log-mels ``(T_feats, n_mels)`` into a wave ``(T_wav,)``."""
        return self.batch([feats])[0]

    def batch(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Turn several log-mels into waves; each comes out as it would alone."""
        device = self._inversion.mel_matrix.device
        mels = [
            torch.exp(mel.detach().to(device, torch.float32) * self._log_base)
            * self._scale
            for mel in feats
        ]
        waves = self._inversion(mels)
        return [wave.to(mel.device) for wave, mel in zip(waves, feats, strict=True)]


def _window(contract: MelContract) -> Tensor:
    """(n_fft,), the window in the middle."""
    if contract.window == "hann":
        window = torch.hann_window(contract.win_length, dtype=torch.float64)
    else:
        from scipy.signal import get_window  # slow to import

        window = torch.from_numpy(get_window(contract.window, contract.win_length))
    before = (contract.n_fft - contract.win_length) // 2
    after = contract.n_fft - contract.win_length - before
    return torch.nn.functional.pad(window, (before, after))
