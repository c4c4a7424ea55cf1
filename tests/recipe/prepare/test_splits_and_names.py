"""No text in two sets, every speaker in each, names that are files everywhere."""

import re
from collections import Counter

import pytest

from espnet_prodiff.errors import DataError
from espnet_prodiff.recipe.prepare.names import safe_names
from espnet_prodiff.recipe.prepare.splits import TEST, TRAIN, VALID, split


def test_no_text_is_in_two_sets_and_every_speaker_is_in_each():
    # A parallel corpus: both speakers read the same, but for case and punctuation.
    texts = {f"a{n}": f"Text, number {n}." for n in range(60)}
    texts |= {f"b{n}": f"text number {n}" for n in range(60)}
    speakers = {utt: utt[0] for utt in texts}
    parts = split(texts, speakers)
    assert all(parts[f"a{n}"] == parts[f"b{n}"] for n in range(60))
    counts = Counter((parts[u], speakers[u]) for u in texts)
    assert counts[TEST, "a"] == counts[TEST, "b"] == 3
    assert counts[VALID, "a"] == counts[VALID, "b"] == 3
    assert counts[TRAIN, "a"] == 54
    assert split(dict(reversed(texts.items())), speakers) == parts


def test_few_utterances_of_a_speaker_are_only_trained_on():
    texts = {f"a{n}": f"one {n}" for n in range(40)}
    texts |= {f"b{n}": f"two {n}" for n in range(9)}
    parts = split(texts, {utt: utt[0] for utt in texts})
    assert {parts[f"b{n}"] for n in range(9)} == {TRAIN}


@pytest.mark.parametrize("repeats", [1, 20])
def test_the_fewest_texts_fill_every_set(repeats):
    texts = {f"u{n}": f"text {n % 3}" for n in range(3 * repeats)}
    parts = split(texts, dict.fromkeys(texts, "one"))
    assert set(parts.values()) == {TRAIN, VALID, TEST}
    with pytest.raises(DataError, match="2 different texts"):
        split({"a": "x", "b": "y", "c": "X!"}, dict.fromkeys("abc", "one"))


def test_names_are_safe_and_each_its_own():
    wanted = ["a b", "a_b", "A_B", "../etc/passwd", "Zoë 1", "日本", "水", "ok-1"]
    names = safe_names({name: name for name in wanted})
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in names.values())
    assert len({name.lower() for name in names.values()}) == len(wanted)
    assert (names["a_b"], names["ok-1"], names["Zoë 1"]) == ("a_b-2", "ok-1", "Zoe_1")
    assert safe_names({name: name for name in reversed(wanted)}) == names
