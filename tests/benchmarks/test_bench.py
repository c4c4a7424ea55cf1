"""The benchmark: time by turns, the same work for all, results that can be read."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, "benchmarks")

import bench  # noqa: E402
from speed import report, timing  # noqa: E402
from speed.memory import _measure  # noqa: E402
from speed.subject import HOP, Case, count_gflop  # noqa: E402
from speed.subjects import CHOSEN, REFERENCES, SUBJECTS  # noqa: E402


@pytest.fixture
def clock(monkeypatch):
    """Clocks that go on by what the runs say: the wall's is slower when it is odd."""
    now = {"wall": 0.0, "cpu": 0.0}
    clocks = {name: lambda name=name: now[name] for name in now}
    monkeypatch.setattr(timing, "CLOCKS", clocks)
    monkeypatch.setattr(timing.Floor, "__call__", lambda self: advance(1.0, "floor"))
    calls = []

    def advance(seconds, name):
        calls.append(name)
        load = 1 + calls.count("floor") % 3  # of the machine: it drifts
        now["wall"] += load * seconds
        now["cpu"] += seconds
        return {"wall": load * seconds, "cpu": seconds}

    advance.calls = calls
    return advance


def test_runs_take_turns_between_products(clock):
    runs = {"long": lambda: clock(8.0, "long"), "short": lambda: clock(2.0, "short")}
    times = timing.take_turns(runs, budget=10.0)
    turns = clock.calls[clock.calls.index("short") + 1 :]
    assert turns[:5] == ["floor", "long", "floor", "short", "floor"]
    # The long one is in the fewest turns, the short one as its budget says.
    assert len(times["long"].seconds) == timing.FEWEST
    assert timing.FEWEST <= len(times["short"].seconds) <= timing.MOST
    # The processor's time knows no load of the machine, the pairs hardly do.
    cpu = timing.spread([seconds["cpu"] for seconds in times["long"].seconds])
    assert cpu == {"median": 8.0, "low": 8.0, "high": 8.0}
    assert timing.ratios(times["long"], times["short"], "cpu")["median"] == 4.0
    above = timing.above_floor(times["short"], gflop=4.0, clock="cpu")
    assert above == {"median": 0.5, "low": 0.5, "high": 0.5}


def test_spread_of_ten():
    values = timing.spread([float(i) for i in range(1, 11)])
    assert values == {"median": 5.5, "low": 2.0, "high": 9.0}


def names(group, ours):
    """Those that need no package of their own."""
    optional = ("Matcha", "Vocos", "lmnt")
    return [
        name
        for name, subject in SUBJECTS[group].items()
        if subject.ours == ours and not any(word in name for word in optional)
    ]


@pytest.mark.parametrize("group", report.GROUPS)
@pytest.mark.parametrize("ours", [True, False])
def test_all_make_as_much_speech(group, ours):
    case = Case(seconds=0.5, batch=2, tiny=True)
    assert (case.tokens, case.frames) == (7, 42)
    for name in names(group, ours):
        outputs = SUBJECTS[group][name].make(case).call()
        assert len(outputs) == 2, name
        for output in outputs:
            assert torch.isfinite(output).all(), name
            # Of frames that are centred, Griffin-Lim does not make the last hop.
            lengths = [case.frames]
            if group != "text to mel":
                lengths = [case.frames * HOP, (case.frames - 1) * HOP]
            assert len(output) in lengths, name


def test_operations_are_those_of_the_network():
    two, four = (
        count_gflop(SUBJECTS["text to mel"][name].make(Case(tiny=True)))
        for name in ("ESPnet ProDiff, 2 steps", "ESPnet ProDiff, 4 steps")
    )
    channels, mels, cond, frames = 16, 80, 16, 516
    layer = 3 * channels * 2 * channels + cond * 2 * channels + channels * 2 * channels
    step = 2 * frames * (2 * layer + channels**2 + 2 * mels * channels) / 1e9
    assert four - two == pytest.approx(2 * step, rel=0.02)


def test_results_are_written_and_shown(tmp_path, capsys):
    output, figure = tmp_path / "bench.json", tmp_path / "bench.png"
    common = ["--quick", "--output", str(output), "--rows", "mini|HiFi-GAN V2|Vocos"]
    results = bench.main(
        [*common, "--parts", "text to mel", "mel to wave", "--figure", str(figure)]
    )
    shown = capsys.readouterr().out
    rows = results["text to mel"]["rows"]
    assert {row["name"] for row in rows} == {
        name for name in SUBJECTS["text to mel"] if "mini" in name
    }
    peer = "ESPnet ProDiff at the mini size, 2 steps"
    for row in rows:
        if row["ours"]:
            faster = row["faster"][peer]["cpu"]
            assert faster["low"] <= faster["median"] <= faster["high"]
            ratio = f"{faster['median']:.2f}"
            assert any(report.label(row) in s and ratio in s for s in shown.split("\n"))
    assert figure.stat().st_size > 5000
    # Another part leaves the others as they are.
    bench.main([*common, "--parts", "lengths"])
    written = json.loads(output.read_text())
    assert set(written) == {"text to mel", "mel to wave", "lengths"}
    kept = written["text to mel"]["rows"][0]["cpu"]
    assert kept == pytest.approx(rows[0]["cpu"], rel=1e-3)
    # In the first length a second of speech takes as long as itself.
    first = [row for row in written["lengths"]["rows"] if row["seconds"] == 1]
    assert first and all(row["of_first"]["cpu"]["median"] == 1 for row in first)


def test_memory_of_a_call_is_part_of_the_process():
    found = _measure("mel to wave", "built-in vocoder", Case(2.0, tiny=True), 1)
    assert 0 <= found["call_mib"] < found["process_mib"]


def test_chosen_names_exist():
    for chosen in (*CHOSEN.values(), REFERENCES):
        for group, found in chosen.items():
            assert set(found) <= set(SUBJECTS[group]), group


def test_no_file_is_long():
    for path in [Path("benchmarks/bench.py"), *Path("benchmarks/speed").glob("*.py")]:
        assert len(path.read_text().splitlines()) <= 300, path
