"""Directories of decoded speech."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.metrics.subjects import Speed
from espnet_prodiff.fileio.tables import read_durations, read_table


@dataclass(frozen=True)
class System:
    """A directory that stage 8 decoded into.

    Attributes:
        name: Its row in the table.
        directory: With ``wav``, and ``durations`` and ``log/output.*/speed/speed``
            where the decoder wrote them.
        is_resynthesis: It holds the recordings through a vocoder, each as long as its
            recording.
    """

    name: str
    directory: Path
    is_resynthesis: bool = False

    def wav(self, utt: str) -> Path:
        """Return the file of an utterance's waveform."""
        return self.directory / "wav" / f"{utt}.wav"

    def require_wavs(self, utts: EvaluationSet) -> None:
        """Check that every utterance was decoded.

        Raises:
            DataError: The directory or some waveforms are missing; names them.
        """
        if not self.directory.is_dir():
            message = f"{self.directory} does not exist: decode it (stage 8)."
            raise DataError(f"System {self.name!r}: {message}")
        wavs = {utt for utt in utts if self.wav(utt).is_file()}
        self._require(utts, wavs, self.directory / "wav")

    def read_durations(self, utts: EvaluationSet) -> dict[str, np.ndarray]:
        """Read the predicted durations (T_text + 1,), empty if there is no such file.

        Raises:
            DataError: The file lacks an utterance.
        """
        file = self.directory / "durations"
        if not file.is_file():
            return {}
        durations = read_durations(file)
        self._require(utts, durations, file)
        return durations

    def read_speed(self) -> dict[str, Speed]:
        """Read the time that the utterances took; ESPnet's own decoder writes none.

        The first utterance of each file is left out where it has others: libraries load
        and compile during it.

        Raises:
            DataError: A line is not "utt audio model vocoder" with seconds >= 0 and
                audio above 0.
        """
        speeds: dict[str, Speed] = {}
        for path in sorted(self.directory.glob("log/output.*/speed/speed")):
            if path.stat().st_size == 0:
                continue
            lines = list(read_table(path).items())
            for utt, line in lines[1:] or lines:
                try:
                    audio, model, vocoder = (float(value) for value in line.split())
                    valid = audio > 0 and model >= 0 and vocoder >= 0
                except ValueError:
                    valid = False
                if not valid:
                    raise DataError(
                        f"{path}, utterance {utt}: expected the seconds of audio, "
                        f"model and vocoder, found {line!r}."
                    )
                speeds[utt] = Speed(audio, model, vocoder)
        return speeds

    def _require(
        self, utts: EvaluationSet, decoded: Collection[str], where: Path
    ) -> None:
        if missing := [utt for utt in utts if utt not in decoded]:
            raise DataError(
                f"System {self.name!r}: {where} lacks {len(missing)} of {len(utts)} "
                f"utterances, first {missing[0]}: decode all of them (stage 8)."
            )
