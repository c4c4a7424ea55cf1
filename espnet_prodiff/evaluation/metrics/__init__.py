"""The metrics of the evaluation, in the order of the tables.

A metric is a formula with a `Metric` beside it, named in one of these families:
``SPEECH`` compares a decoded utterance with its recording (`SpeechPair`),
``RESYNTHESIS`` a wave with the recording whose mel it was made from (`WavePair`),
``MEL`` the samples of a model with the recordings and each other (`MelSamples`).
"""

from espnet_prodiff.evaluation.metrics.cepstrum import MCD
from espnet_prodiff.evaluation.metrics.diversity import JSD, NDB
from espnet_prodiff.evaluation.metrics.durations import DURATION_ERROR, LENGTH_ERROR
from espnet_prodiff.evaluation.metrics.mel_statistics import (
    DISTANCE,
    MEL_L1,
    SPREAD,
    VARIANCE_RATIO,
)
from espnet_prodiff.evaluation.metrics.pitch import LOG_F0_RMSE
from espnet_prodiff.evaluation.metrics.resynthesis import LOG_MEL_L1, PESQ, STOI
from espnet_prodiff.evaluation.metrics.speed import RTF, RTF_MODEL

SPEECH = (MCD, LOG_F0_RMSE, DURATION_ERROR, LENGTH_ERROR, RTF_MODEL, RTF)
RESYNTHESIS = (PESQ, STOI, LOG_MEL_L1)
MEL = (MEL_L1, VARIANCE_RATIO, SPREAD, DISTANCE, NDB, JSD)
