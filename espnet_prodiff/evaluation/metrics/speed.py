"""Real-time factors: seconds taken per second of speech, summed over a system."""

from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair

RTF_MODEL: Metric[SpeechPair] = Metric(
    "rtf_model",
    "RTF, text to mel",
    ".3f",
    "seconds taken per second of speech made, in total, without the first "
    "utterance of each decoding job, which warms up",
    lambda pair: pair.speed and (pair.speed.model, pair.speed.audio),
    is_ratio=True,
)
RTF: Metric[SpeechPair] = Metric(
    "rtf",
    "RTF, text to wave",
    ".3f",
    "the same with the vocoder",
    lambda pair: pair.speed and (pair.speed.total, pair.speed.audio),
    is_ratio=True,
)
