"""Train the aligner: a short stage with a fixed budget."""

import math
import random

import torch
from tqdm import tqdm

from espnet_prodiff.alignment.aligner import Aligner
from espnet_prodiff.alignment.corpus import Corpus
from espnet_prodiff.errors import DataError

# Alignments get slowly worse when training goes on long after they have converged, so
# the budget is short and the learning rate decays to zero within it.
MIN_UPDATES, MAX_UPDATES, EPOCHS = 300, 2000, 4
# The best path means nothing before the forward-sum loss has found the diagonal.
_BINARISATION_FROM = 0.5
_WARM_UP = 10
# Utterances for the refinement's statistics.
_MAX_OBSERVED = 3000

History = list[tuple[float, float]]


def train(
    corpus: Corpus,
    num_tokens: int,
    *,
    num_updates: int | None,
    batch_size: int,
    lr: float,
    seed: int,
    device: str,
) -> tuple[Aligner, History]:
    """Train an aligner of ``num_tokens`` symbols on a corpus.

    The options are those of `AlignmentOptions`; without ``num_updates`` it takes four
    epochs, at least 300 and at most 2,000 updates.

    Returns:
        The aligner, on `device`, and (forward-sum loss, binarisation loss) per update.

    Raises:
        DataError: No utterance has enough frames, or the loss is not finite.
    """
    utts = [u for u in corpus.utts if corpus.num_frames[u] >= len(corpus.tokens[u]) + 2]
    if not utts:
        reasons = [f"{utt}: {why}" for utt, why in corpus.unalignable.items()]
        raise DataError(
            f"{corpus.path}: none of the {len(corpus.utts) + len(reasons)} utterances "
            "can be aligned (more tokens than frames, no text or bad audio); first: "
            f"{(reasons or ['none'])[0]}"
        )
    if num_updates is None:
        num_updates = EPOCHS * math.ceil(len(corpus.utts) / batch_size)
        num_updates = min(max(num_updates, MIN_UPDATES), MAX_UPDATES)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    mean, std = statistics(corpus, utts)
    aligner = Aligner(num_tokens, len(mean))
    aligner.mean.copy_(mean)
    aligner.std.copy_(std)
    aligner.to(device)
    optimizer = torch.optim.AdamW(aligner.parameters(), lr=lr)
    history: History = []
    batches: list[list[str]] = []
    with tqdm(total=num_updates, desc="training the aligner", mininterval=1.0) as bar:
        for update in range(1, num_updates + 1):
            batches = batches or make_batches(corpus, utts, batch_size, rng)
            batch = batches.pop()
            mels = [corpus.mel(u) for u in batch]
            forward_sum, binarisation = aligner([corpus.tokens[u] for u in batch], mels)
            loss = forward_sum
            if update > _BINARISATION_FROM * num_updates:
                loss = loss + binarisation
            if not torch.isfinite(loss):
                raise DataError(
                    f"the loss of the aligner became {loss.item()} at update {update} "
                    f"(batch {' '.join(batch)}): use a lower --lr than {lr}"
                )
            decay = 0.5 * (1 + math.cos(math.pi * update / num_updates))
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1.0, update / _WARM_UP) * decay
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(aligner.parameters(), 1.0)
            optimizer.step()
            history.append((forward_sum.item(), binarisation.item()))
            bar.set_postfix(forward_sum=f"{history[-1][0]:.2f}", refresh=False)
            bar.update()
    aligner.eval()
    for utt in rng.sample(utts, min(len(utts), _MAX_OBSERVED)):
        aligner.observe(corpus.tokens[utt], corpus.mel(utt))
    return aligner, history


def statistics(corpus: Corpus, utts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and the standard deviation of each mel band, both (num_mels,)."""
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for utt in utts:
        mel = corpus.mel(utt).double()
        count += len(mel)
        total = total + mel.sum(0)
        squares = squares + (mel**2).sum(0)
    mean = total / count
    std = (squares / count - mean**2).clamp(min=1e-4).sqrt()
    return mean.float(), std.float()


def make_batches(
    corpus: Corpus, utts: list[str], batch_size: int, rng: random.Random
) -> list[list[str]]:
    """Return one epoch of batches of similar lengths, in random order."""
    utts = sorted(utts, key=lambda u: corpus.num_frames[u] * (1 + 0.1 * rng.random()))
    batches = [utts[i : i + batch_size] for i in range(0, len(utts), batch_size)]
    rng.shuffle(batches)
    return batches
