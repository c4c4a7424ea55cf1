"""Parts of a wave on several threads."""

import threading

import pytest
import torch

from espnet_prodiff.common.threads import run_on_threads

BOUNDS = [0, 3, 4, 9, 10]
PARTS = [(0, 3), (3, 4), (4, 9), (9, 10)]


@pytest.fixture(autouse=True)
def three_threads():
    """Three threads in torch, so that a change of their number shows."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("num_threads", [0, 1, 2, 8])
def test_every_part_runs_once(num_threads):
    parts = []
    run_on_threads(lambda *part: parts.append(part), BOUNDS, num_threads)
    assert sorted(parts) == PARTS
    assert torch.get_num_threads() == 3


def test_parts_run_at_the_same_time():
    both = threading.Barrier(2, timeout=20)  # broken unless two parts meet
    run_on_threads(lambda *_: both.wait(), [0, 1, 2], 2)


def test_one_thread_is_the_callers():
    threads = set()
    run_on_threads(lambda *_: threads.add(threading.get_ident()), BOUNDS, 1)
    assert threads == {threading.get_ident()}
    run_on_threads(lambda *_: threads.add(threading.get_ident()), BOUNDS, 2)
    assert len(threads) > 1


def test_each_thread_has_one_thread_of_torchs():
    counts = []
    run_on_threads(lambda *_: counts.append(torch.get_num_threads()), BOUNDS, 2)
    assert counts == [1] * len(PARTS)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_errors_reach_the_caller(num_threads):
    def run(start, stop):
        if start == 4:
            raise RuntimeError("part 4")

    with pytest.raises(RuntimeError, match="part 4"):
        run_on_threads(run, BOUNDS, num_threads)
    assert torch.get_num_threads() == 3


def test_threads_compute_no_gradient():
    weight = torch.ones(10, requires_grad=True)
    outputs = []
    run_on_threads(lambda a, b: outputs.append(2 * weight[a:b]), BOUNDS, 2)
    assert len(outputs) == len(PARTS)
    assert not any(output.requires_grad for output in outputs)
    assert torch.is_grad_enabled()
