"""Checkpoints: no code on load, no half file after a kill, strict keys, safe resume."""

import datetime
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from espnet2.schedulers.noam_lr import NoamLR
from espnet2.train.reporter import Reporter

from espnet_prodiff.errors import CheckpointError
from espnet_prodiff.fileio.checkpoint import (
    atomic_torch_save,
    file_sha256,
    load_model_weights,
    load_weights,
    safe_torch_load,
)


class Payload:
    """Runs a command when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


def test_weights_survive_a_round_trip(network, tmp_path):
    atomic_save(network.state_dict(), tmp_path / "a.pth")
    loaded = load_weights(tmp_path / "a.pth")
    assert list(loaded) == list(network.state_dict())
    assert torch.equal(loaded["0.weight"], network[0].weight)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize("where", ["torch", "legacy", "pickle", "nested"])
@pytest.mark.parametrize("reader", ["load_weights", "safe_torch_load"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, where, reader):
    canary, path = tmp_path / "canary", tmp_path / "evil.pth"
    obj = {"weight": torch.zeros(2), "extra": Payload(canary)}
    if where == "pickle":
        path.write_bytes(pickle.dumps({"extra": Payload(canary)}))
    elif where == "nested":
        torch.save({"model": {"generator": obj}}, path)
    else:
        torch.save(obj, path, _use_new_zipfile_serialization=where == "torch")
    with pytest.raises(CheckpointError) as error:
        if reader == "load_weights":
            load_weights(path)
        else:
            with safe_torch_load():
                torch.load(path, weights_only=False)
    assert "evil.pth" in str(error.value) and "could run code" in str(error.value)
    assert not canary.exists()


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_off_checkpoint_is_named(network, tmp_path, kept):
    path = tmp_path / "5epoch.pth"
    torch.save(network.state_dict(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CheckpointError, match="5epoch.pth is (cut off|empty)"):
        load_weights(path)


def test_random_bytes_and_flips_never_raise_anything_else(network, tmp_path):
    path = tmp_path / "noise.pth"
    random = np.random.default_rng(0)
    torch.save(network.state_dict(), path)
    whole = path.read_bytes()
    for trial in range(150):
        if trial < 75:
            path.write_bytes(random.bytes(int(random.integers(1, 200))))
        else:
            flipped = bytearray(whole)
            for place in random.integers(0, len(whole), size=4):
                flipped[place] ^= 1 << int(random.integers(8))
            path.write_bytes(flipped)
        try:
            load_weights(path)
        except CheckpointError as error:
            assert "noise.pth" in str(error)


class NumberType:
    """A numpy dtype with a state of the file's choosing, on which numpy crashes."""

    def __init__(self, name, state):
        self.name, self.state = name, state

    def __reduce__(self):
        return np.dtype, (self.name, False, True), self.state


class Number:
    def __init__(self, dtype, content):
        self.arguments = dtype, content

    def __reduce__(self):
        return np._core.multiarray.scalar, self.arguments


def test_crafted_numbers_are_not_built_by_numpy(tmp_path):
    """Such states end the process (signal 11) where numpy reads them."""
    path = tmp_path / "crafted.pth"
    random = np.random.default_rng(0)
    values = [None, -1, 0, 2**31 - 1, "<", "V", ("a",), {"a": 1}, b"x", (1, (2, 3))]
    states = [(3, "<", None, None, None, -1, -1, 0)]
    states += [(3, *(values[i] for i in random.integers(0, 10, 7))) for _ in range(60)]
    for state in states:
        for name in ("f8", "V8", "O", "M8[s]"):
            torch.save({"x": Number(NumberType(name, state), b"\0" * 8)}, path)
            if name != "f8":
                with pytest.raises(CheckpointError, match="crafted.pth"):
                    load_weights(path)
                continue
            try:
                assert load_weights(path)["x"] == 0.0
            except CheckpointError as error:
                assert "crafted.pth" in str(error)
    torch.save({"x": Number(np.dtype("f8"), b"\0" * 9)}, path)
    with pytest.raises(CheckpointError):
        load_weights(path)


@pytest.mark.parametrize("kind", ["sparse", "meta", "quantized"])
def test_tensors_that_are_no_plain_ones_are_named(kind, tmp_path):
    tensor = {
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.zeros(3, 3, device="meta"),
        "quantized": torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8),
    }[kind]
    torch.save({"weight": tensor}, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match="odd.pth"):
        load_model_weights(torch.nn.Linear(3, 3, bias=False), tmp_path / "odd.pth")


def test_missing_file_directory_and_foreign_object(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.pth does not exist"):
        load_weights(tmp_path / "nothing.pth")
    with pytest.raises(FileNotFoundError, match="is a directory"):
        load_weights(tmp_path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list"):
        load_weights(tmp_path / "list.pth")


def test_model_weights_must_fit_exactly(network, tmp_path):
    path = tmp_path / "m.pth"
    good = network.state_dict()
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    for wrapped in (good, {"model": good, "optimizers": []}, {"module": good}):
        torch.nn.init.zeros_(other[0].weight)
        torch.save(wrapped, path)
        load_model_weights(other, path)
        assert torch.equal(other[0].weight, network[0].weight)

    def refused(states, message):
        torch.save(states, path)
        with pytest.raises(CheckpointError, match=message):
            load_model_weights(other, path)

    without = {k: v for k, v in good.items() if k != "0.bias"}
    refused(without, "missing in the file: 0.bias")
    refused({**good, "tts.decoder.w": torch.zeros(1)}, "unknown to the model: tts.dec")
    refused(
        {**good, "0.bias": torch.zeros(5)},
        r"0.bias is \[5\] in the file, \[4\] in the mo",
    )
    refused({**good, "0.bias": torch.full((4,), float("nan"))}, "NaN or infinite")
    refused({**good, "steps": 3}, r"tensors alone \(steps\)")


def test_espnet_training_state_resumes_without_code(network, tmp_path):
    """Reporter times, numpy scalars, optimizer, scheduler and scaler states."""
    reporter = Reporter()
    reporter.set_epoch(1)
    with reporter.observe("train") as sub:
        sub.register({"loss": torch.tensor(1.5), "lr": np.float64(0.1)}, weight=2)
        sub.next()
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    scheduler = NoamLR(optimizer, model_size=4)
    scaler = torch.amp.GradScaler("cpu")
    states = {
        "model": network.state_dict(),
        "reporter": reporter.state_dict(),
        "optimizers": [optimizer.state_dict()],
        "schedulers": [scheduler.state_dict(), None],
        "scaler": scaler.state_dict(),
        "scalars": [np.float32(2), np.int64(3), np.bool_(True)],
    }
    with atomic_torch_save():
        torch.save(states, tmp_path / "checkpoint.pth")
    loaded = load_weights(tmp_path / "checkpoint.pth")
    stats = loaded["reporter"]["stats"][1]["train"]
    assert stats["loss"] == 1.5 and isinstance(stats["time"], datetime.timedelta)
    assert loaded["scalars"] == [2, 3, True]
    torch.optim.Adam(network.parameters()).load_state_dict(loaded["optimizers"][0])
    scheduler.load_state_dict(loaded["schedulers"][0])
    reporter.load_state_dict(loaded["reporter"])


def atomic_save(obj, path):
    with atomic_torch_save():
        torch.save(obj, path)


KILLED_WHILE_SAVING = """
import sys, torch
from espnet_prodiff.fileio.checkpoint import atomic_torch_save
path = sys.argv[1]
torch.save({"x": torch.zeros(10)}, path)
print("ready", flush=True)
big, small = ({"x": torch.ones(n)} for n in (20_000_000, 10))
while True:
    with atomic_torch_save():
        torch.save(big, path)
    torch.save(small, path + ".scratch")
    with atomic_torch_save():
        torch.save(small, path)
"""


def test_a_kill_in_the_middle_of_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "checkpoint.pth"
    seen_half = 0
    for delay in (0.0, 0.04):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED_WHILE_SAVING, str(path)],
            stdout=subprocess.PIPE,
        )
        assert child.stdout.readline() == b"ready\n"
        deadline = time.time() + 10
        while not list(tmp_path.glob(".checkpoint.pth.*.tmp")):
            assert time.time() < deadline and child.poll() is None
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        seen_half += bool(list(tmp_path.glob(".checkpoint.pth.*.tmp")))
        assert load_weights(path)["x"].numel() in (10, 20_000_000)
    assert seen_half, "no kill fell into a save"
    atomic_save({"x": torch.zeros(1)}, path)
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_failing_save_keeps_the_old_file_and_torch_save_is_restored(tmp_path):
    path = tmp_path / "a.pth"
    plain = torch.save
    atomic_save({"x": 1}, path)
    with pytest.raises(Exception, match="pickle|local object"), atomic_torch_save():
        torch.save({"x": lambda: 0}, path)
    assert torch.save is plain
    assert load_weights(path) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_sha256_of_known_bytes(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_sha256(tmp_path / "f") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
