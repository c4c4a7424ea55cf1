"""The part of ``make torture`` that every change has to pass."""

import os

import pytest

from tests.torture.kinds import KINDS
from tests.torture.matrix import run_kind

COUNTS = dict.fromkeys(KINDS, 250) | {"kill": 10}


@pytest.mark.parametrize("kind", KINDS)
def test_faults_end_as_they_should(kind):
    tried, wrong = run_kind(kind, 0, COUNTS[kind], 600)
    assert not wrong
    assert tried == COUNTS[kind]


def test_what_ends_as_it_should_not_is_noticed(monkeypatch):
    """Of seeds 0 to 2 the second is at fault; those after it are tried all the same."""
    ends = {
        "foreign": lambda folder: {}["key"],
        "crash": lambda folder: os._exit(11),
        "canary": lambda folder: (folder / "canary").mkdir(),
    }
    for name, end in ends.items():

        def case(random, folder, end=end):
            if random.bit_generator.seed_seq.entropy[1] == 1:
                end(folder)

        monkeypatch.setitem(KINDS, name, case)
        tried, wrong = run_kind(name, 0, 3, 60)
        assert tried == 3 and list(wrong) == [1], (name, wrong)
