"""Real-time factors: seconds taken per second of speech, summed over a system."""

from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair


def _to_mel(pair: SpeechPair) -> tuple[float, float] | None:
    return pair.speed and (pair.speed.model, pair.speed.audio)


def _to_wave(pair: SpeechPair) -> tuple[float, float] | None:
    speed = pair.speed
    return speed and (speed.model + speed.vocoder, speed.audio)


RTF_MODEL = Metric(
    "rtf_model",
    "RTF, text to mel",
    ".3f",
    "seconds taken per second of speech made, in total, without the first "
    "utterance of each decoding job, which warms up",
    _to_mel,
    is_ratio=True,
)
RTF = Metric(
    "rtf",
    "RTF, text to wave",
    ".3f",
    "the same with the vocoder",
    _to_wave,
    is_ratio=True,
)
