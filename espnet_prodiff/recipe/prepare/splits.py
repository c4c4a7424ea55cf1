"""Training, validation and test sets: every speaker in each, no text in two."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping

from espnet_prodiff.errors import DataError

TRAIN, VALID, TEST = "tr_no_dev", "dev", "eval1"
SHARE, MOST = 20, 50  # one in so many is held out, at most so many of a speaker
FEWEST = 10  # of a speaker, to hold any out


def split(texts: Mapping[str, str], speakers: Mapping[str, str]) -> dict[str, str]:
    """Return the set of each utterance.

    What has the same letters and digits is the same text. Whole texts are moved to the
    test set, then to the validation set, in the order of a hash, until every speaker
    has a twentieth of its utterances there, one at least and `MOST` at most; speakers
    of fewer than `FEWEST` utterances are only trained on.

    Args:
        texts: Text by utterance.
        speakers: Speaker by utterance.

    Raises:
        DataError: Fewer than three different texts.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for utterance, text in sorted(texts.items()):
        groups[same_text(text)].append(utterance)
    if len(groups) < 3:
        raise DataError(
            f"{len(texts)} utterances with {len(groups)} different texts are left: "
            "expected at least 3, one to train on, one to validate, one to test"
        )
    counts = Counter(speakers[u] for u in texts)
    wanted = {
        speaker: max(1, min(MOST, round(count / SHARE))) if count >= FEWEST else 0
        for speaker, count in counts.items()
    }
    if not any(wanted.values()):  # a try-out: any speaker will do
        wanted[max(counts, key=lambda name: (counts[name], name))] = 1
    order = sorted(groups, key=lambda text: hashlib.sha256(text.encode()).digest())
    chosen = dict.fromkeys(texts, TRAIN)
    left = Counter(counts)
    for name in (TEST, VALID):
        need = Counter(wanted)
        for text in list(order):
            members = Counter(speakers[u] for u in groups[text])
            # Nobody loses so much that more is held out than trained on.
            fits = all(left[s] - n >= counts[s] / 2 for s, n in members.items())
            if fits and any(need[speaker] > 0 for speaker in members):
                order.remove(text)
                left -= members
                need -= members
                chosen.update(dict.fromkeys(groups[text], name))
    missing = {TRAIN, VALID, TEST} - set(chosen.values())
    if missing:
        # Few texts, each spoken often: give one to each set that lacks any.
        for name, text in zip(sorted(missing), order, strict=False):
            chosen.update(dict.fromkeys(groups[text], name))
    return chosen


def same_text(text: str) -> str:
    """Return what two spellings of one text have in common."""
    letters = "".join(c for c in text.casefold() if c.isalnum())
    return letters or text
