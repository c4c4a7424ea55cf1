"""Score models by the mels that they draw from several seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.diversity import (
    compare_histograms,
    fit_bins,
    histogram,
)
from espnet_prodiff.evaluation.mel_model import MelInputs, MelModel
from espnet_prodiff.evaluation.mel_statistics import (
    mel_l1,
    seed_spread,
    variance_ratio,
)
from espnet_prodiff.evaluation.progress import Progress, no_progress

NUM_BINS = 50


@dataclass
class MelScores:
    """A model's scores.

    Attributes:
        l1: By utterance: to the recording, averaged over seeds.
        variance_ratio: By utterance: to the recording, averaged over seeds.
        spread: By utterance, over seeds; empty with one seed.
        distance: By utterance: L1 to the first model from the same noise, averaged
            over seeds; empty where the noise cannot be the same.
        ndb: By seed, see ``diversity``.
        jsd: By seed, see ``diversity``.
    """

    l1: dict[str, float] = field(default_factory=dict)
    variance_ratio: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    distance: dict[str, float] = field(default_factory=dict)
    ndb: dict[str, float] = field(default_factory=dict)
    jsd: dict[str, float] = field(default_factory=dict)


def score_models(
    models: Sequence[MelModel],
    utterances: Sequence[MelInputs],
    seeds: Sequence[int],
    variance: str = "predicted",
    progress: Progress = no_progress,
) -> dict[str, MelScores]:
    """Draw every utterance from every model once per seed and score the mels.

    Args:
        models: The first is the reference of ``distance``.
        utterances: The test set.
        seeds: Seeds of the noise.
        variance: "predicted" or "true" pitch and energy.
        progress: Shows how far it is.

    Returns:
        Scores by the name of the model.

    Raises:
        DataError: No seed, models with different features, or an utterance that
            does not fit its durations.
    """
    if not seeds:
        raise DataError("At least one seed is needed.")
    for model in models[1:]:
        if not model.same_features(models[0]):
            raise DataError(
                f"Models {models[0].name!r} and {model.name!r} have different mels or "
                "statistics: compare them in separate runs."
            )
    recorded = [models[0].recorded_mel(u).cpu().numpy() for u in utterances]
    frames = np.concatenate(recorded)
    bins = fit_bins(frames, min(NUM_BINS, len(frames) // 2))
    counts = {m.name: np.zeros((len(seeds), bins.n_clusters), int) for m in models}
    scores = {model.name: MelScores() for model in models}
    pairs: Iterable = zip(utterances, recorded, strict=True)
    for inputs, truth in progress(pairs, len(utterances), "mels"):
        reference = None
        for model in models:
            draws = model.draw(inputs, list(seeds), variance)
            found, utt = scores[model.name], inputs.utt
            found.l1[utt] = float(np.mean([mel_l1(d, truth) for d in draws]))
            ratios = [variance_ratio(d, truth) for d in draws]
            found.variance_ratio[utt] = float(np.mean(ratios))
            if len(seeds) > 1:
                found.spread[utt] = seed_spread(draws)
            reference = draws if reference is None else reference
            if model.shares_noise and models[0].shares_noise:
                found.distance[utt] = mel_l1(draws, reference)
            for count, draw in zip(counts[model.name], draws, strict=True):
                count += histogram(bins, draw)
    truth_counts = histogram(bins, frames)
    for name, found in scores.items():
        for seed, count in zip(seeds, counts[name], strict=True):
            diversity = compare_histograms(count, truth_counts)
            found.ndb[f"seed {seed}"] = diversity.ndb
            found.jsd[f"seed {seed}"] = diversity.jsd
    return scores
