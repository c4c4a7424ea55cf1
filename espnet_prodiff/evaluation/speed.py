"""Real-time factors from the ``speed`` files of our ``tts_inference``."""

from dataclasses import dataclass
from pathlib import Path

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.tables import read_table


@dataclass(frozen=True)
class Speed:
    """What an utterance took.

    Attributes:
        audio: Seconds of speech made.
        model: Seconds from text to features.
        vocoder: Seconds from features to the waveform.
    """

    audio: float
    model: float
    vocoder: float


def read_speed(system_dir: str | Path) -> dict[str, Speed]:
    """Collect ``log/output.*/speed/speed`` under a decoded directory.

    The first utterance of each file is left out where it has others: libraries load and
    compile during it.

    Returns:
        Speed by utterance; empty if the decoder wrote no such file (ESPnet's own
        does not).

    Raises:
        DataError: A line is not "utt audio model vocoder" with seconds >= 0 and
            audio above 0.
    """
    speeds: dict[str, Speed] = {}
    for path in sorted(Path(system_dir).glob("log/output.*/speed/speed")):
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
                    f"{path}, utterance {utt}: expected the seconds of audio, model "
                    f"and vocoder, found {line!r}."
                )
            speeds[utt] = Speed(audio, model, vocoder)
    return speeds
