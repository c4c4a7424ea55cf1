"""Real phases of distillation through ESPnet's trainer."""

import shutil

import pytest
import torch
import yaml

from espnet_prodiff.bin import distill
from espnet_prodiff.integration.checkpoint import load_weights
from espnet_prodiff.integration.files import ConfigError
from espnet_prodiff.integration.task import DiffusionTTSTask
from tests.integration.corpus import read_config, train

STUDENT = "conf/debug/distill_prodiff.yaml"


def best(exp):
    return exp / "valid.loss.best.pth"


@pytest.fixture(scope="module")
def student(corpus, teacher):
    """A phase as stage 7 runs it."""
    return train(
        corpus,
        STUDENT,
        corpus / "exp" / "tts_student",
        "--teacher_model_file",
        str(best(teacher)),
    )


def test_student_starts_as_its_teacher_and_learns_the_denoiser_only(student, teacher):
    before, after = load_weights(best(teacher)), load_weights(best(student))
    assert before.keys() == after.keys()  # no teacher inside
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("tts.denoiser.") for name in changed)


def test_student_knows_its_steps_and_no_teacher(student, teacher):
    config = read_config(student)
    assert config["tts_conf"]["num_steps"] == 2
    assert str(teacher) not in (student / "config.yaml").read_text()
    record = yaml.safe_load((student / "teacher.yaml").read_text())
    assert record["teacher_model_file"] == str(best(teacher))
    assert record["teacher_num_steps"] == 4


def test_student_speaks_without_its_teacher_in_two_evaluations(student, tmp_path):
    alone = shutil.copytree(student, tmp_path / "alone", symlinks=True)
    model, _ = DiffusionTTSTask.build_model_from_file(None, best(alone))
    model.eval()
    calls = []
    model.tts.denoiser.network.register_forward_hook(lambda *_: calls.append(1))
    model.inference(text=torch.tensor([3, 4, 5]), use_teacher_forcing=False)
    assert len(calls) == 2


def test_a_resumed_phase_equals_an_uninterrupted_one(
    corpus, teacher, student, tmp_path
):
    options = ["--teacher_model_file", str(best(teacher))]
    whole = train(corpus, STUDENT, tmp_path / "a", *options, "--max_epoch", "2")
    train(corpus, STUDENT, tmp_path / "b", *options, "--max_epoch", "1")
    parts = train(corpus, STUDENT, tmp_path / "b", *options, "--max_epoch", "2")
    first, second = (load_weights(exp / "2epoch.pth") for exp in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_text_side_can_be_trained_too(corpus, teacher, tmp_path):
    exp = train(
        corpus,
        STUDENT,
        tmp_path / "exp",
        *("--teacher_model_file", str(best(teacher))),
        *("--freeze_text_side", "false"),
    )
    before, after = load_weights(best(teacher)), load_weights(best(exp))
    name = "tts.encoder.embed.0.weight"
    assert not torch.equal(before[name], after[name])


def test_a_changed_teacher_is_refused(corpus, teacher_copy, tmp_path):
    options = ["--teacher_model_file", str(best(teacher_copy))]
    exp = train(corpus, STUDENT, tmp_path / "exp", *options)
    weights = load_weights(best(teacher_copy))
    torch.save(
        {k: v + 1 if v.is_floating_point() else v for k, v in weights.items()},
        best(teacher_copy).resolve(),
    )
    with pytest.raises(ConfigError, match="teacher of .* has changed.*SHA-256"):
        train(corpus, STUDENT, exp, *options, "--max_epoch", "2")


def test_impossible_teachers_are_refused(corpus, teacher, tmp_path):
    with pytest.raises(FileNotFoundError, match="teacher_model_file .*nowhere.pth"):
        train(corpus, STUDENT, tmp_path / "a", "--teacher_model_file", "nowhere.pth")
    options = ["--teacher_model_file", str(best(teacher))]
    with pytest.raises(ValueError, match="divide its teacher's 4, but num_steps is 3"):
        train(corpus, STUDENT, tmp_path / "b", *options, "--tts_conf", "num_steps=3")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    shutil.copy(best(teacher), foreign / "model.pth")
    (foreign / "config.yaml").write_text("tts: prodiff\ntts_conf: {adim: 16}\n")
    with pytest.raises(ConfigError, match="was not trained by espnet_prodiff"):
        train(
            corpus,
            STUDENT,
            tmp_path / "c",
            *("--teacher_model_file", str(foreign / "model.pth")),
        )


def test_chain_to_one_step_and_its_resumption(teacher_copy, capfd):
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
    distill.main([*command, "--num_steps", "2", "1"])  # nothing is left to do
    assert best(one).resolve().stat().st_mtime_ns == stamp


def test_chain_refuses_steps_that_do_not_halve(teacher):
    command = ["--teacher_model_file", str(best(teacher)), "--config", STUDENT]
    with pytest.raises(ValueError, match="2, 1 steps, fewer each time, but 3 were"):
        distill.main([*command, "--num_steps", "3"])
