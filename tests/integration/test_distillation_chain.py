"""Chains of phases by ``bin.distill``, and the tables of a phase's config."""

from pathlib import Path

import pytest
import yaml

from espnet_prodiff.bin import distill
from espnet_prodiff.errors import ConfigError
from espnet_prodiff.training.task import DiffusionTTSTask
from tests.integration.corpus import read_config, train

STUDENT = "conf/debug/distill_prodiff.yaml"


def best(exp):
    return exp / "valid.loss.best.pth"


def test_chain_to_one_step_and_its_resumption(teacher_copy, capfd, request):
    command = ["--teacher_model_file", str(best(teacher_copy)), "--config", STUDENT]
    distill.main([*command, "--num_steps", "2", "1"])
    out = capfd.readouterr().out
    assert "| 4 -> 2 | progressive, l1, uniform | 2 x 16 |" in out
    parent = teacher_copy.parent
    two, one = parent / "tts_teacher_steps2", parent / "tts_teacher_steps1"
    assert f"wrote {best(one)}" in out
    table = (one / "distillation.md").read_text()
    assert table in out and "| 2 -> 1 | progressive" in table
    assert (one / "distillation.png").stat().st_size > 10000
    assert read_config(one)["tts_conf"]["num_steps"] == 1
    record = yaml.safe_load((one / "teacher.yaml").read_text())
    assert record["teacher_model_file"] == str(best(two))
    stamp = best(one).resolve().stat().st_mtime_ns
    request.getfixturevalue("phases_here")
    distill.main([*command, "--num_steps", "2", "1"])  # nothing is left to do
    assert best(one).resolve().stat().st_mtime_ns == stamp


def test_chain_refuses_steps_that_do_not_halve(teacher):
    command = ["--teacher_model_file", str(best(teacher)), "--config", STUDENT]
    with pytest.raises(ValueError, match="2, 1 steps, fewer each time, but 3 were"):
        distill.main([*command, "--num_steps", "3"])


def test_data_of_a_downloaded_teacher(teacher_copy, tmp_path, caplog, phases_here):
    """What its config names is said; what is not there, or replaced, is not taken."""
    file = teacher_copy / "config.yaml"
    config = yaml.safe_load(file.read_text())
    key = "valid_data_path_and_name_and_type"
    good = [",".join(entry) for entry in config[key]]
    config[key][0][0] = str(tmp_path / "of_a_stranger")
    file.write_text(yaml.safe_dump(config))
    command = ["--teacher_model_file", str(best(teacher_copy)), "--config", STUDENT]
    command += ["--num_steps", "2", "--max_epoch", "1"]
    with pytest.raises(ConfigError, match=f"of_a_stranger .{key}.*give your own"):
        distill.main(command)
    distill.main([*command, *(word for entry in good for word in (f"--{key}", entry))])
    used = read_config(teacher_copy.parent / "tts_teacher_steps2")[key]
    assert [",".join(entry) for entry in used] == good
    assert "data of the teacher's training" in caplog.text


def build(exp):
    model, _ = DiffusionTTSTask.build_model_from_file(exp / "config.yaml", best(exp))
    return model


def test_a_smaller_student_in_a_phase_of_its_own_and_then_by_halves(
    teacher, tmp_path, capfd, phases_here
):
    config = tmp_path / "distill.yaml"
    config.write_text(
        Path(STUDENT).read_text() + "\n"
        "student: {denoiser_channels: 8}\n"
        "phases:\n"
        "    2: {distill_times: landing, num_iters_per_epoch: 3}\n"
    )
    distill.main(
        [
            *("--teacher_model_file", str(best(teacher)), "--config", str(config)),
            *("--student", "denoiser_layers=1", "--num_steps", "4", "2"),
            *("--output_prefix", str(tmp_path / "small")),
        ]
    )
    exps = [tmp_path / f"small_steps{n}" for n in (4, 2)]
    for exp in exps:
        conf = read_config(exp)["tts_conf"]
        assert (conf["denoiser_layers"], conf["denoiser_channels"]) == (1, 8)
    assert read_config(exps[0])["num_iters_per_epoch"] == 4
    assert read_config(exps[1])["num_iters_per_epoch"] == 3
    assert read_config(exps[1])["distill_times"] == "landing"
    out = capfd.readouterr().out
    assert "| 4 -> 4 | progressive, l1, uniform | 1 x 8 |" in out
    assert "| 4 -> 2 | progressive, l1, uniform | 1 x 8 |" in out


def test_a_phase_of_its_own_needs_a_smaller_student(teacher):
    command = ["--teacher_model_file", str(best(teacher)), "--config", STUDENT]
    with pytest.raises(ConfigError, match="has 4 steps already.*smaller student"):
        distill.main([*command, "--num_steps", "4", "2"])


def test_students_of_the_first_teacher_start_from_each_other(teacher_copy, phases_here):
    command = ["--teacher_model_file", str(best(teacher_copy)), "--config", STUDENT]
    distill.main([*command, "--num_steps", "2", "1", "--distill_from", "first"])
    two, one = (teacher_copy.parent / f"tts_teacher_steps{n}" for n in (2, 1))
    record = yaml.safe_load((one / "teacher.yaml").read_text())
    assert record["teacher_model_file"] == str(best(teacher_copy))
    assert record["teacher_num_steps"] == 4
    log = (one / "train.log").read_text()
    assert f"weights from {best(two)}" in log
    assert str(two) not in (one / "config.yaml").read_text()


def test_a_phase_may_learn_from_the_student_before_it(
    teacher_copy, tmp_path, phases_here
):
    config = tmp_path / "distill.yaml"
    config.write_text(
        Path(STUDENT).read_text() + "\n"
        "distill_from: first\n"
        "phases:\n"
        "    1: {distill_from: previous}\n"
    )
    command = ["--teacher_model_file", str(best(teacher_copy)), "--config", str(config)]
    distill.main([*command, "--num_steps", "2", "1"])
    two, one = (teacher_copy.parent / f"tts_teacher_steps{n}" for n in (2, 1))
    record = yaml.safe_load((one / "teacher.yaml").read_text())
    assert record["teacher_model_file"] == str(best(two))
    assert f"weights from {best(two)}" in (one / "train.log").read_text()
    config.write_text(config.read_text().replace("previous", "nobody"))
    with pytest.raises(ValueError, match="distill_from must be one of previous, first"):
        distill.main([*command, "--num_steps", "2", "1"])


def test_phases_and_students_of_a_config_in_stage_7(corpus, teacher, tmp_path):
    config = tmp_path / "distill.yaml"
    base = Path(STUDENT).read_text() + "\n"
    options = ["--teacher_model_file", str(best(teacher))]
    config.write_text(base + "student: {denoiser_layers: 1}\n")
    exp = train(corpus, str(config), tmp_path / "exp", *options)
    assert read_config(exp)["tts_conf"]["denoiser_layers"] == 1
    config.write_text(base + "phases: {2: {max_epoch: 3}}\n")
    with pytest.raises(ConfigError, match="distill.yaml has phases.*phase.yaml"):
        train(corpus, str(config), tmp_path / "other", *options)
