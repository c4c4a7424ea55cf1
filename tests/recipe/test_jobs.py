import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe.jobs import Job, Progress, Status, run_jobs, run_shown
from espnet_prodiff.recipe.training_log import TrainingLog, read_epochs

LOG = """\
2026-01-01 00:00:01,000 (trainer:1) INFO: 3epoch results: [train] iter_time=0.1, \
l1_loss=2.0, loss=1.5, lr=1, [valid] l1_loss=9, loss=0.25, total=3
2026-01-01 00:00:02,000 (trainer:1) INFO: 4epoch:train:1-50batch: loss=7
2026-01-01 00:00:03,000 (trainer:1) INFO: 4epoch results: [train] loss=1.25, \
[valid] energy_loss=3, loss=0.125, total=4
"""


def python(code):
    return [sys.executable, "-c", code]


def test_jobs_run_side_by_side_with_their_own_logs(tmp_path):
    jobs = [Job(python(f"print('made', {n})"), tmp_path / f"{n}.log") for n in range(3)]
    bar = Progress("t", "job", lambda: Status(len(list(tmp_path.glob("*.log"))), 3))
    run_jobs(jobs, bar, single=True)
    assert (bar.bar.n, bar.bar.total) == (3, 3)
    for n in range(3):
        text = (tmp_path / f"{n}.log").read_text()
        assert f"\nmade {n}\n" in text
        assert "# Ended (code 0)" in text


def test_a_failed_job_ends_the_others_and_shows_its_log(tmp_path):
    mark = tmp_path / "late"
    slow = f"import time, pathlib; time.sleep(30); pathlib.Path({str(mark)!r}).touch()"
    bad = "import sys; print('l1', flush=True); sys.exit('what went wrong')"
    jobs = [
        Job(python(slow), tmp_path / "slow.log"),
        Job(python(bad), tmp_path / "bad.log"),
    ]
    began = time.monotonic()
    with pytest.raises(UserError) as e:
        run_jobs(jobs, None, single=True)
    assert time.monotonic() - began < 15
    assert "  | l1\n  | what went wrong\n  log: " in str(e.value)
    assert "bad.log" in str(e.value)
    assert not mark.exists()


def test_our_own_error_is_shown_without_its_traceback(tmp_path):
    code = (
        "import sys\n"
        "print('Traceback (most recent call last):\\n  File x')\n"
        "print('espnet_prodiff.fileio.yaml_files.ConfigError: tts is odd\\nmend it')\n"
        "sys.exit(1)"
    )
    with pytest.raises(UserError) as e:
        run_jobs([Job(python(code), tmp_path / "x.log")], None, single=True)
    assert "its log says:\n  | tts is odd\n  | mend it\n" in str(e.value)
    assert "Traceback" not in str(e.value)


def test_the_log_of_this_run_is_shown_not_an_old_one(tmp_path):
    inner = tmp_path / "train.log"
    inner.write_text("old trouble\n")
    os.utime(inner, (1, 1))
    job = Job(python("import sys; sys.exit('new trouble')"), tmp_path / "l", inner)
    with pytest.raises(UserError, match="new trouble"):
        run_jobs([job], None, single=True)
    code = f"open({str(inner)!r}, 'w').write('inner trouble\\n'); raise SystemExit(3)"
    with pytest.raises(UserError, match="(?s)status 3.*inner trouble.*train.log"):
        run_jobs([Job(python(code), tmp_path / "l", inner)], None, single=True)


def test_parallel_jobs_get_one_thread_each(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    code = "import os; print('threads', os.environ['OMP_NUM_THREADS'])"
    for single, expected in ((True, 1), (False, 7)):
        run_jobs([Job(python(code), tmp_path / "x")], None, single)
        assert f"threads {expected}" in (tmp_path / "x").read_text()


def test_a_short_command_that_fails_is_named():
    with pytest.raises(UserError, match="failed with status 5"):
        run_shown(python("raise SystemExit(5)"))


def test_epochs_and_losses_are_read_from_espnets_log():
    assert read_epochs(LOG) == (4, {"train": "1.25", "valid": "0.125"})
    assert read_epochs("nothing yet") == (0, {})


def test_the_training_bar_follows_a_log_that_grows_or_is_renewed(tmp_path):
    log, config = tmp_path / "train.log", tmp_path / "config.yaml"
    log.write_text(LOG)
    config.write_text("max_epoch: 3\n")
    bar = Progress("t", "epoch", TrainingLog(tmp_path).read)
    bar.update()
    assert bar.bar.n == 0  # all of an earlier run
    config.write_text("")  # opened by ESPnet on a busy machine, not yet written
    os.utime(config, (4, 4))
    bar.update()
    assert bar.bar.n == 0
    config.write_text("max_epoch: 9\n")
    os.utime(config, (5, 5))
    with log.open("a") as f:
        f.write(LOG.replace("4epoch", "6epoch").replace("3epoch", "5epoch"))
    bar.update()
    assert (bar.bar.n, bar.bar.total) == (6, 9)
    assert bar.bar.postfix == "train loss=1.25, valid loss=0.125"
    log.rename(tmp_path / "train.1.log")
    log.write_text(LOG.replace("4epoch", "8epoch"))
    bar.update()
    assert bar.bar.n == 8
    bar.bar.close()


def test_a_stopped_recipe_leaves_no_job_behind(tmp_path):
    (tmp_path / "local").mkdir()
    script = "echo $$ > pid; sleep 60 & echo $! > child; wait\n"
    (tmp_path / "local" / "data.sh").write_text(script)
    command = [sys.executable, "-m", "espnet_prodiff.recipe", "--train_set", "a"]
    command += ["--valid_set", "b", "--test_sets", "c", "--ngpu", "0"]
    recipe = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    pids = [tmp_path / "pid", tmp_path / "child"]
    while not all(p.exists() and p.read_text().strip() for p in pids):
        assert recipe.poll() is None
        time.sleep(0.05)
    recipe.terminate()
    _, errors = recipe.communicate(timeout=20)
    assert recipe.returncode == 130
    assert "the same command goes on" in errors
    for path in pids:
        state = Path("/proc") / path.read_text().strip() / "stat"
        # Gone, or dead and not yet waited for by its new parent.
        assert not state.exists() or state.read_text().split()[2] == "Z"
