"""Search of a schedule with few steps for a trained model.

The paper found its six-step schedules by trying (DiffWave, app. B). Here a coarse grid
over geometric series of betas comes first, then each beta alone is moved up and down by
ever smaller factors. Every schedule is tried with the same noise, so the search is
deterministic and small differences count.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from espnet_prodiff.diffusion.sampling_times import FAST_SCHEDULES, times_from_betas
from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.errors import UserError, check_positive

FIRST_FACTORS = (1, 3, 10, 30, 100)  # the first beta, in units of the training's first
LAST_BETAS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
MOVES = (2.0, 2**0.5, 2**0.25)  # factors on one beta, a round each

Betas = tuple[float, ...]


class SearchResult(NamedTuple):
    """The best schedule of a search, and all others.

    Attributes:
        betas: The best schedule, the least noisy step first.
        score: Its score, lower is better.
        trials: All schedules tried and their scores, in the order of trial.
    """

    betas: Betas
    score: float
    trials: dict[Betas, float]


def search_schedule(
    score: Callable[[Betas], float],
    schedule: NoiseSchedule,
    num_steps: int,
    *,
    progress: bool = True,
) -> SearchResult:
    """Find ``num_steps`` betas with a low score.

    Args:
        score: Score of a schedule, lower is better, see ``log_mel_distance``.
        schedule: The model's noise schedule; only betas within its range are tried.
        num_steps: Number of betas.
        progress: Show a bar.

    Raises:
        UserError: If ``num_steps`` is not positive, or no schedule of so many steps
            lies in the range that the model was trained at.
    """
    check_positive("num_steps", num_steps)
    coarse = [b for b in _coarse(schedule, num_steps) if _fits(b, schedule)]
    if not coarse:
        last = schedule.num_train_steps
        raise UserError(
            f"no schedule of {num_steps} steps was found in the range of noise that "
            f"the model was trained at: alpha from {schedule.alpha(1):.6g} (t = 1) to "
            f"{schedule.alpha(last):.6g} (t = {last})"
        )
    trials: dict[Betas, float] = {}
    total = len(coarse) + len(MOVES) * 2 * num_steps
    with tqdm(total=total, unit="schedule", disable=not progress) as bar:

        def attempt(betas: Betas) -> float:
            if betas not in trials:
                trials[betas] = score(betas)
            bar.update()
            bar.set_postfix(best=f"{min(trials.values()):.4f}")
            return trials[betas]

        best = min(coarse, key=attempt)
        for factor in MOVES:
            for i in range(num_steps):
                for moved in (best[i] * factor, best[i] / factor):
                    betas = (*best[:i], moved, *best[i + 1 :])
                    if not _fits(betas, schedule):
                        bar.update()
                    elif attempt(betas) < trials[best]:
                        best = betas
    return SearchResult(best, trials[best], trials)


def log_mel_distance(
    vocode: Callable[[Tensor, Betas], Tensor],
    mel_of: Callable[[Tensor], Tensor],
    mels: Sequence[Tensor],
) -> Callable[[Betas], float]:
    """Return the score of a schedule: the log-mel L1 of waves that it is used for.

    ``vocode`` turns log-mels (F, n_mels) and betas into a wave, always of the same
    noise, ``mel_of`` a wave into its log-mels (F', n_mels), F' >= F; ``mels`` are those
    of held-out recordings.
    """

    def score(betas: Betas) -> float:
        errors = [mel_of(vocode(mel, betas))[: len(mel)] - mel for mel in mels]
        return float(torch.cat(errors).abs().mean())

    return score


def _coarse(schedule: NoiseSchedule, num_steps: int) -> Iterable[Betas]:
    """Geometric series between a first and a last beta, and the paper's schedules."""
    yield from (b for b in FAST_SCHEDULES.values() if len(b) == num_steps)
    least = 1 - float(schedule.alpha(1)) ** 2
    for factor in FIRST_FACTORS:
        for last in LAST_BETAS:
            first = least * factor
            if num_steps == 1:
                yield (last,)
            elif first < last:
                ratio = (last / first) ** (1 / (num_steps - 1))
                yield tuple(first * ratio**i for i in range(num_steps))


def _fits(betas: Betas, schedule: NoiseSchedule) -> bool:
    """Check that betas rise and lie in the range of the model."""
    if list(betas) != sorted(betas) or betas[-1] >= 1:
        return False
    try:
        times_from_betas(betas, schedule)
    except ValueError:
        return False
    return True
