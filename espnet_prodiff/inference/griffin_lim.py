"""Griffin-Lim: a wave from mels without a trained vocoder."""

from __future__ import annotations

import librosa
import numpy as np
import torch

from espnet_prodiff.errors import VocoderError
from espnet_prodiff.inference.mel_contract import MelContract


class GriffinLim:
    """Griffin-Lim with momentum, the same wave for the same mels.

    ESPnet's draws new phases each call, inverts the mel matrix each call and takes
    base 10 and Slaney mels for granted; this one follows the model's contract.

    Source: Perraudin et al., "A fast Griffin-Lim algorithm", 2013, as in librosa.
    """

    iterations = 32

    def __init__(self, contract: MelContract, iterations: int = iterations) -> None:
        """Prepare the inverse of the mel matrix.

        Args:
            contract: What the mels are made of.
            iterations: Rounds, at least 1.

        Raises:
            VocoderError: ``iterations`` is not a positive whole number.
        """
        if not isinstance(iterations, int) or iterations < 1:
            raise VocoderError(
                f"griffin_lim_iters is {iterations!r}, expected a whole number >= 1"
            )
        self.fs = contract.fs
        self.contract = contract
        self.iterations = iterations
        mel = librosa.filters.mel(
            sr=contract.fs,
            n_fft=contract.n_fft,
            n_mels=contract.n_mels,
            fmin=contract.fmin,
            fmax=contract.fmax,
            htk=contract.mel_scale == "htk",
        )
        self._inverse_mel = np.linalg.pinv(mel)
        self._log_scale = np.log(
            np.e if contract.log_base == "e" else float(contract.log_base)
        )

    def __repr__(self) -> str:
        return f"GriffinLim(iterations={self.iterations}, {self.contract})"

    def __call__(self, feats: torch.Tensor) -> torch.Tensor:
        """Turn log-mels ``(T_feats, n_mels)`` into a wave ``(T_wav,)``."""
        mels = np.exp(feats.detach().cpu().double().numpy() * self._log_scale)
        magnitudes = np.maximum(1e-10, self._inverse_mel @ mels.T)
        wave = librosa.griffinlim(
            magnitudes.astype(np.float32),
            n_iter=self.iterations,
            hop_length=self.contract.hop_length,
            win_length=self.contract.win_length,
            n_fft=self.contract.n_fft,
            window=self.contract.window,
            center=magnitudes.shape[1] > 1,
            random_state=0,
        )
        return torch.from_numpy(wave.astype(np.float32)).to(feats.device)
