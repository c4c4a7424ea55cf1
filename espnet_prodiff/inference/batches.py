"""Utterances of similar lengths together, so that little of a batch is padding."""

from collections.abc import Sequence

MOST_PADDING = 0.25  # of what is no padding
MOST_TOKENS = 4096  # of a batch with its padding: bounds the memory


def similar_lengths(lengths: Sequence[int], most: int = MOST_TOKENS) -> list[list[int]]:
    """Sort by length and cut into batches of bounded padding and size.

    Args:
        lengths: Of the utterances.
        most: Largest size of a batch with its padding; a longer utterance is alone.

    Returns:
        The utterances' numbers, batch by batch, the short ones first.
    """
    batches: list[list[int]] = []
    held = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(batches[-1]) + 1 if batches else 1) * lengths[i]
        bound = min(most, (1 + MOST_PADDING) * (held + lengths[i]))
        if not batches or padded > bound:
            batches.append([])
            held = 0
        batches[-1].append(i)
        held += lengths[i]
    return batches
