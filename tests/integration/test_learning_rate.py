"""``scheduler: onecyclelr`` takes its length and height from the other options."""

from argparse import Namespace

import pytest

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.training.learning_rate import fill_onecycle_defaults
from tests.integration.conftest import TEACHER
from tests.integration.corpus import read_config, train


def options(**changed):
    given = {
        "scheduler": "onecyclelr",
        "scheduler_conf": {"pct_start": 0.1},
        "optim_conf": {"lr": 2e-4},
        "max_epoch": 5,
        "num_iters_per_epoch": 7,
        "accum_grad": 2,
    }
    return Namespace(**(given | changed))


def completed(**changed):
    args = options(**changed)
    fill_onecycle_defaults(args)
    return args.scheduler_conf


def test_length_and_height_follow():
    assert completed() == {"pct_start": 0.1, "max_lr": 2e-4, "total_steps": 15}
    given = {"max_lr": 1e-3, "total_steps": 20}
    assert completed(scheduler_conf=given) == given
    assert completed(scheduler="noamlr") == {"pct_start": 0.1}


def test_what_cannot_work_is_refused():
    with pytest.raises(ConfigError, match="total_steps .* is 14, but .*15 updates"):
        completed(scheduler_conf={"total_steps": 14})
    with pytest.raises(ConfigError, match="set num_iters_per_epoch, or total_steps"):
        completed(num_iters_per_epoch=None)
    with pytest.raises(ConfigError, match="needs lr in optim_conf"):
        completed(optim_conf={})


def test_the_rate_falls_to_zero_by_the_end_and_cannot_be_stretched(corpus, tmp_path):
    cycle = ["--scheduler", "onecyclelr", "--ema_decay", "0"]
    cycle += ["--scheduler_conf", "anneal_strategy=linear"]
    cycle += ["--scheduler_conf", "cycle_momentum=false"]
    cycle += ["--scheduler_conf", "final_div_factor=1.0e+6"]
    exp = train(corpus, TEACHER, tmp_path / "exp", *cycle, "--max_epoch", "2")
    assert read_config(exp)["scheduler_conf"]["total_steps"] == 8
    from espnet_prodiff.fileio.checkpoint import load_weights

    state = load_weights(exp / "checkpoint.pth")
    assert state["optimizers"][0]["param_groups"][0]["lr"] < 1e-8
    with pytest.raises(ConfigError, match="total_steps: 8 -> 12"):
        train(corpus, TEACHER, exp, *cycle, "--max_epoch", "3")
