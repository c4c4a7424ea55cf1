"""From a voice's log-mels to waves: the built-in vocoder, or a spectral one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from espnet_prodiff.common.mel_inversion_numpy import MelInversion, Start
from espnet_prodiff.common.mel_matrix import mel_matrix
from espnet_prodiff.runtime.files import Run

FLOOR = np.float32(1e-4)  # that of spectral_vocoder.loss


class Vocoder:
    """The vocoder of a voice.

    Args:
        about: Its voice.json.
        load: Loads a graph by its name.
    """

    def __init__(self, about: Mapping[str, Any], load: Callable[[str], Run]) -> None:
        mel, conf = about["mel"], about["vocoder"]
        base = math.e if mel["log_base"] == "e" else float(mel["log_base"])
        self._log_base = np.float32(math.log(base))
        self._scale = np.float32(mel["n_fft"] ** 0.5 if mel["normalized"] else 1)
        bands = {name: mel[name] for name in ("n_fft", "n_mels", "fmin", "fmax")}
        matrix = mel_matrix(mel["fs"], **bands, htk=mel["mel_scale"] == "htk")
        window, hop = np.array(about["window"]), mel["hop_length"]
        self._inversion = MelInversion(matrix, window, hop, conf["rounds"])
        self._limit = np.inf
        if conf["kind"] == "spectral":
            self._limit = 1.0
            self._inversion.first = SpectralStart(
                self._inversion, load("vocoder"), conf["phase"]
            )

    def __call__(self, log_mel: np.ndarray) -> np.ndarray:
        """Turn a log-mel (F, n_mels) into a wave (T_wav,), float32."""
        mel = np.exp(log_mel * self._log_base) * self._scale
        return self._inversion(mel).clip(-self._limit, self._limit)


class SpectralStart:
    """What the rounds of a `MelInversion` start from.

    Args:
        inversion: Of the vocoder.
        network: The exported network, from ``log_mel`` (1, F, n_mels) to values
            (1, heads, F, bins).
        phase: "integrated" or "direct".
    """

    def __init__(
        self,
        inversion: MelInversion,
        network: Run,
        phase: str,
    ) -> None:
        self.inversion, self.network, self.phase = inversion, network, phase

    def __call__(self, mel: np.ndarray) -> Start | np.ndarray:
        """Return the start of a magnitude mel (F, n_mels)."""
        inversion = self.inversion
        prior = np.log(np.maximum(inversion.magnitudes(mel), FLOOR))
        log_mel = (np.log(np.maximum(mel, FLOOR)) + 4) / np.float32(2.5)
        logs, *others = self.network(log_mel=log_mel[None])[0][0]
        magnitudes = np.exp(np.minimum(prior + logs, 10))
        if self.phase == "direct":
            return (magnitudes * np.exp(1j * others[0])).astype(np.complex64)
        for _ in range(2):
            magnitudes = inversion.agree(magnitudes, mel)
        turn = 2 * math.pi * inversion.hop_length / inversion.n_fft
        rotation = np.exp(1j * turn * np.arange(magnitudes.shape[1]))
        in_time = (others[0] + 1j * others[1]) * rotation.astype(np.complex64)
        in_frequency = -(others[2] + 1j * others[3])
        salience = magnitudes * np.abs(in_time)
        return Start(magnitudes, np.angle(in_time), np.angle(in_frequency), salience)
