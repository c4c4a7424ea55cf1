"""Score models by the mels that they sample from several seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.mel_inputs import MelInputs
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.evaluation.metrics import MEL
from espnet_prodiff.evaluation.metrics.diversity import fit_bins
from espnet_prodiff.evaluation.metrics.subjects import MelSamples

NUM_BINS = 50


def score_models(
    models: Sequence[MelModel],
    utterances: Sequence[MelInputs],
    seeds: Sequence[int],
    variance: str = "predicted",
) -> dict[str, dict[str, dict[str, float]]]:
    """Sample every utterance from every model once per seed and score the mels.

    The samples of two models at a time are held in memory: the first, which is the
    reference of ``distance``, and another. ``variance`` is "predicted" or "true".

    Returns:
        By the name of the model, key of the metric, and utterance or seed: see
        `Metric.compute`.

    Raises:
        DataError: No seed, models with different features, or an utterance that does
            not fit its durations.
    """
    if not seeds:
        raise DataError("At least one seed is needed.")
    for model in models[1:]:
        if not model.same_features(models[0]):
            raise DataError(
                f"Models {models[0].name!r} and {model.name!r} have different mels or "
                "statistics: compare them in separate runs."
            )
    recorded = {u.utt: models[0].recorded_mel(u).cpu().numpy() for u in utterances}
    frames = np.concatenate(list(recorded.values()))
    bins = fit_bins(frames, min(NUM_BINS, len(frames) // 2))
    scores = {}
    first: Mapping[str, np.ndarray] | None = None
    total = len(models) * len(utterances)
    with tqdm(desc="mels", total=total, unit="utt", mininterval=1.0) as bar:
        for model in models:
            samples = {}
            for inputs in utterances:
                samples[inputs.utt] = model.sample_mels(inputs, list(seeds), variance)
                bar.update()
            first = samples if first is None else first
            same_noise = model.shares_noise and models[0].shares_noise
            same = first if same_noise else None
            subject = MelSamples(seeds, samples, recorded, same, bins)
            scores[model.name] = {m.key: m.compute(subject) for m in MEL}
    return scores
