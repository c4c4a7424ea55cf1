"""Every kill, a damaged checkpoint and a divergence: what was made is not lost."""

import logging
import os
import shutil

import pytest
import torch

from espnet_prodiff.errors import CheckpointError, DivergedError
from espnet_prodiff.fileio.checkpoint import load_weights
from tests.training.small_training import Killed, content, killed_at, train


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    return content(folder)


def test_what_a_training_leaves(uninterrupted):
    assert uninterrupted["valid.loss.best.pth"] == "4epoch.pth"
    assert uninterrupted["latest.pth"] == "4epoch.pth"
    kept = [name for name in uninterrupted if name[0].isdigit()]
    assert kept == ["2epoch.pth", "3epoch.pth", "4epoch.pth"]
    assert "checkpoint.previous.pth" in uninterrupted


def test_every_kill_ends_as_the_uninterrupted_training(
    uninterrupted, tmp_path, monkeypatch
):
    with killed_at(0, monkeypatch) as total:
        train(tmp_path / "count")
    assert total[0] > 40
    for number in range(1, total[0] + 1):
        folder = tmp_path / str(number)
        with killed_at(number, monkeypatch), pytest.raises(Killed):
            train(folder)
        train(folder)
        assert content(folder) == uninterrupted, f"killed at operation {number}"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_costs_one_epoch(damage, uninterrupted, tmp_path, caplog):
    train(tmp_path, max_epoch=3)
    path = tmp_path / "checkpoint.pth"
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"FB") + 70 if damage == "flip" else len(whole) // 2] ^= 1
    cuts = {"cut": len(whole) * 2 // 3, "flip": None, "empty": 0}
    path.write_bytes(whole[: cuts[damage]])
    train(tmp_path)
    assert "checkpoint.previous.pth, an epoch earlier" in caplog.text
    assert content(tmp_path) == uninterrupted


def test_flips_anywhere_are_noticed_or_do_no_harm(uninterrupted, tmp_path):
    train(tmp_path / "three", max_epoch=3)
    whole = (tmp_path / "three/checkpoint.pth").read_bytes()
    for place in range(50, len(whole), len(whole) // 40):
        folder = shutil.copytree(tmp_path / "three", tmp_path / str(place), True)
        flipped = bytearray(whole)
        flipped[place] ^= 4
        (folder / "checkpoint.pth").write_bytes(flipped)
        train(folder)
        assert content(folder) == uninterrupted, place


def test_no_whole_checkpoint(uninterrupted, tmp_path):
    train(tmp_path, max_epoch=1)
    (tmp_path / "checkpoint.pth").write_bytes(b"PK")
    train(tmp_path)  # the first epoch begins again
    assert content(tmp_path) == uninterrupted
    for name in ("checkpoint.pth", "checkpoint.previous.pth"):
        (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="checkpoint.previous.pth.*--init_param"):
        train(tmp_path, max_epoch=6)


def test_a_stopped_training_stays_stopped(tmp_path):
    train(tmp_path, max_epoch=6, patience=0)  # the third epoch is no better
    before = content(tmp_path)
    assert before["latest.pth"] == "3epoch.pth"
    train(tmp_path, max_epoch=6, patience=0)
    assert content(tmp_path) == before


def test_accumulated_gradients_do_not_depend_on_a_resume(tmp_path):
    train(tmp_path / "whole", accum_grad=3)
    for epoch in range(1, 5):
        train(tmp_path / "parts", max_epoch=epoch, accum_grad=3)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_averages_are_means_and_counts_the_bests(uninterrupted, tmp_path):
    train(tmp_path)
    stats = load_weights(tmp_path / "checkpoint.pth")["reporter"]["stats"]
    for phase in ("valid", "train"):
        best, other = sorted(stats, key=lambda e: float(stats[e][phase]["loss"]))[:2]
        found = load_weights(tmp_path / f"{phase}.loss.ave_2best.pth")
        files = [load_weights(tmp_path / f"{n}epoch.pth") for n in (best, other)]
        mean = (files[0]["weight"].double() + files[1]["weight"].double()) / 2
        assert torch.equal(found["weight"], mean.float())
        assert found["updates"] == files[0]["updates"] == 4 * best
        assert os.readlink(tmp_path / f"{phase}.loss.ave.pth").endswith("ave_2best.pth")


def test_an_average_without_an_epochs_file(tmp_path, caplog):
    train(tmp_path)
    (tmp_path / "2epoch.pth").unlink()
    train(tmp_path)
    assert "2epoch.pth is gone: not in any average" in caplog.text
    found = load_weights(tmp_path / "valid.loss.ave_2best.pth")["weight"]
    files = [load_weights(tmp_path / f"{n}epoch.pth")["weight"] for n in (4, 3)]
    torch.testing.assert_close(found, (files[0] + files[1]) / 2)


def test_a_diverged_epoch_is_not_saved_and_a_lower_rate_recovers(tmp_path, caplog):
    train(tmp_path, max_epoch=2)
    good = content(tmp_path)
    for rate, found in ((1e20, "a weight of"), (1e4, "a validation loss of")):
        with pytest.raises(DivergedError, match=rf"epoch 3 ends with {found}.*lower"):
            train(tmp_path, max_epoch=3, lr=rate)
        assert content(tmp_path) == good
    optimizer = train(tmp_path, max_epoch=3, lr=0.01)
    assert "the learning rate was 0.05, from now on it is 0.01" in caplog.text
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert content(tmp_path)["latest.pth"] == "3epoch.pth"


def halving(optimizer):
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)


def test_a_new_rate_under_a_scheduler_is_scaled_as_the_old_one_was(tmp_path):
    from espnet2.schedulers.abs_scheduler import AbsEpochStepScheduler

    AbsEpochStepScheduler.register(torch.optim.lr_scheduler.StepLR)
    optimizer = train(tmp_path, max_epoch=2, lr=0.08, scheduler=halving)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)
    optimizer = train(tmp_path, max_epoch=3, lr=0.04, scheduler=halving)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.005)


@pytest.mark.parametrize("accum_grad", [1, 2])
def test_a_skipped_update_names_its_utterances(accum_grad, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    train(tmp_path, max_epoch=2, nan_in={(2, 1)}, accum_grad=accum_grad)
    skipped = [r.getMessage() for r in caplog.records if "grad norm" in r.getMessage()]
    before = "e2b0u0, e2b0u1, " if accum_grad == 2 else ""
    assert len(skipped) == 1
    assert skipped[0].endswith(f"Utterances of this update: {before}e2b1u0, e2b1u1")
