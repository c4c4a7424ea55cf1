"""The subjects of metrics: one record for each family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.metrics.analysis import SpeechAnalysis


@dataclass(frozen=True)
class Speed:
    """Seconds of speech, of the model up to the features and of the vocoder."""

    audio: float
    model: float
    vocoder: float

    @property
    def total(self) -> float:
        """Seconds from text to the waveform."""
        return self.model + self.vocoder


@dataclass(frozen=True)
class SpeechPair:
    """A decoded utterance and its recording, the subject of SPEECH.

    Attributes:
        recorded: Analysis of the recording.
        decoded: Analysis of the decoded waveform.
        path: Frames of the two that the warping pairs, (T_path, 2).
        durations: Predicted frames per token (T_text + 1,), if the decoder wrote them.
        reference_durations: Of the recording, likewise.
        frame_ms: Milliseconds that a frame of the durations lasts.
        speed: Time that it took, if the decoder measured it.
    """

    recorded: SpeechAnalysis
    decoded: SpeechAnalysis
    path: np.ndarray
    durations: np.ndarray | None = None
    reference_durations: np.ndarray | None = None
    frame_ms: float = 0.0
    speed: Speed | None = None


@dataclass(frozen=True)
class WavePair:
    """A recording and its own resynthesis, the subject of RESYNTHESIS.

    Attributes:
        recorded, resynthesised: Samples (T_wav,).
        fs: Sampling rate of both in Hz.
        feats_extract: ESPnet's ``LogMelFbank``.
    """

    recorded: np.ndarray
    resynthesised: np.ndarray
    fs: int
    feats_extract: Any

    @classmethod
    def cut(
        cls, recorded: np.ndarray, resynthesised: np.ndarray, fs: int, extract: Any
    ) -> "WavePair":
        """Cut two waves that are equally long but for a frame to the shorter.

        Raises:
            UserError: The lengths differ by more than a frame.
        """
        frame = extract.get_parameters()["n_shift"]
        length = min(len(recorded), len(resynthesised))
        if abs(len(recorded) - len(resynthesised)) > frame:
            raise UserError(
                f"{len(resynthesised)} samples, {len(recorded)} in the recording: "
                f"expected as many within a frame of {frame}. Speech with durations of "
                "its own is a --system, not a --resynthesis."
            )
        return cls(recorded[:length], resynthesised[:length], fs, extract)


@dataclass(frozen=True)
class MelSamples:
    """Samples of a model for every utterance, the subject of MEL.

    All mels are normalised (zero mean and unit variance per bin over the training set),
    so that every bin weighs the same, and have the recordings' durations.

    Attributes:
        seeds: Seeds of the noise.
        samples: Mels (num_seeds, T, n_mels) by utterance.
        recorded: Mel (T, n_mels) by utterance.
        first: The first model's samples from the same noise; None where the noise of
            the two cannot be the same.
        bins: Bins of the recorded frames, see ``diversity.fit_bins``.
    """

    seeds: Sequence[int]
    samples: Mapping[str, np.ndarray]
    recorded: Mapping[str, np.ndarray]
    first: Mapping[str, np.ndarray] | None
    bins: KMeans
