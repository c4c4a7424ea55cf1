import pytest
import yaml

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import plugin_steps, stages_decode, stages_train
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.naming import resolve

SETS = ["--train_set", "tr", "--valid_set", "dev", "--test_sets", "eval1"]
MODEL = ["--inference_model", "valid.loss.best.pth", "--tts_exp", "exp/t"]
CHAIN = ["--distill_steps", "2 1", "--distill_config", "conf/d.yaml"]


def make_options(*words):
    return plugin_steps.with_durations(resolve(parse([*SETS, *MODEL, *words])))


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Data sets of two utterances; a teacher of four steps; commands are recorded."""
    monkeypatch.chdir(tmp_path)
    for name in ("tr", "dev", "eval1"):
        text = {f"{name}1": "a", f"{name}2": "b"}
        write_table(tmp_path / "dump/raw" / name / "text", text)
    write_text(
        tmp_path / "exp/t/config.yaml", yaml.dump({"tts_conf": {"diffusion_steps": 4}})
    )
    commands = []
    monkeypatch.setattr(plugin_steps, "run_shown", commands.append)
    return commands


def value(command, option):
    return command[command.index(option) + 1]


def write_durations(directory, *names):
    for name in names:
        lines = {f"{name}1": "1 2", f"{name}2": "3 4"}
        write_table(directory / name / "durations", lines)


def test_durations_are_learned_once(recipe, tmp_path):
    options = make_options(
        "--durations", "learned", "--fs", "22050", "--align_args", "--seed 3"
    )
    assert options.teacher_dumpdir == "dump/durations"
    plugin_steps.learn_durations(options)
    (command,) = recipe
    assert command[1:3] == ["-m", "espnet_prodiff.bin.align"]
    assert value(command, "--train_dir") == "dump/raw/tr"
    at = command.index("--data_dirs")
    assert command[at + 1 : at + 3] == ["dump/raw/dev", "dump/raw/eval1"]
    assert value(command, "--fs") == "22050"
    assert command[-2:] == ["--seed", "3"]
    write_durations(tmp_path / "dump/durations", "tr", "dev", "eval1")
    plugin_steps.learn_durations(options)
    assert len(recipe) == 1
    write_table(tmp_path / "dump/raw/eval1/text", {"eval1": "x", "new": "y"})
    plugin_steps.learn_durations(options)
    assert len(recipe) == 2


def test_durations_of_the_user_must_be_complete(recipe, tmp_path):
    options = make_options("--durations", "given", "--teacher_dumpdir", "mfa")
    write_durations(tmp_path / "mfa", "tr", "dev")
    plugin_steps.learn_durations(options)  # test sets need none
    write_table(tmp_path / "mfa/dev/durations", {"dev1": "1 2"})
    message = r"mfa/<set>/durations lacks 1 utterances, first dev/dev2.*learned"
    with pytest.raises(UserError, match=message):
        plugin_steps.learn_durations(options)
    plugin_steps.learn_durations(make_options())
    assert recipe == []


def test_students_are_trained_by_one_command(recipe):
    plugin_steps.distill(
        make_options(*CHAIN, "--ngpu", "0", "--distill_args", "--seed 1")
    )
    (command,) = recipe
    assert command[1:3] == ["-m", "espnet_prodiff.bin.distill"]
    assert value(command, "--teacher_model_file") == "exp/t/valid.loss.best.pth"
    at = command.index("--num_steps")
    assert command[at + 1 : at + 3] == ["2", "1"]
    assert value(command, "--output_prefix") == "exp/t"
    assert command[-2:] == ["--seed", "1"]


def test_distill_tag_is_in_the_names_of_the_students(recipe):
    options = make_options(
        "--distill_steps", "4 2", *CHAIN[2:], "--distill_tag", "half"
    )
    plugin_steps.distill(options)
    assert value(recipe[0], "--output_prefix") == "exp/t_half"
    assert {k: s.tts_exp for k, s in plugin_steps.systems(options).items()} == {
        "teacher, 4 steps": "exp/t",
        "teacher, 2 steps": "exp/t",
        "student half, 4 steps": "exp/t_half_steps4",
        "student half, 2 steps": "exp/t_half_steps2",
    }


def test_stage_8_decodes_the_teacher_with_all_steps_and_the_students(recipe):
    systems = plugin_steps.systems(make_options(*CHAIN))
    assert {k: (s.tts_exp, s.inference_tag) for k, s in systems.items()} == {
        "teacher, 4 steps": ("exp/t", "inference_valid.loss.best"),
        "teacher, 2 steps": ("exp/t", "inference_num_steps2_valid.loss.best"),
        "teacher, 1 step": ("exp/t", "inference_num_steps1_valid.loss.best"),
        "student, 2 steps": ("exp/t_steps2", "inference_num_steps2_valid.loss.best"),
        "student, 1 step": ("exp/t_steps1", "inference_num_steps1_valid.loss.best"),
    }
    assert list(plugin_steps.systems(make_options())) == ["model, 4 steps"]
    assert plugin_steps.last_student(make_options(*CHAIN)).tts_exp == "exp/t_steps1"


def test_every_system_is_evaluated(recipe):
    options = make_options("--distill_steps", "2", *CHAIN[2:], "--durations", "learned")
    plugin_steps.evaluate(options)
    (command,) = recipe
    assert value(command, "--output_dir") == "exp/t_steps2/results"
    assert value(command, "--durations") == "dump/durations/eval1/durations"
    pairs = list(zip(command, command[1:], strict=False))
    systems = [b for a, b in pairs if a == "--system"]
    assert systems[2] == (
        "student, 2 steps=exp/t_steps2/inference_num_steps2_valid.loss.best/eval1"
    )
    assert [b for a, b in pairs if a == "--model"] == [
        "teacher, 4 steps=exp/t/valid.loss.best.pth:4",
        "teacher, 2 steps=exp/t/valid.loss.best.pth:2",
        "student, 2 steps=exp/t_steps2/valid.loss.best.pth:2",
    ]


def test_output_of_decoding_jobs_is_joined_and_sorted(tmp_path):
    parts = [tmp_path / "log" / f"output.{n}" for n in (1, 2)]
    for part, utterances in zip(parts, (["c", "a"], ["b"]), strict=True):
        write_table(
            part / "norm" / "feats.scp", {u: f"{part}/{u}.npy" for u in utterances}
        )
        write_table(part / "durations" / "durations", {u: "1 2" for u in utterances})
        write_table(part / "speed" / "speed", {u: "1 2 3" for u in utterances})
        for u in utterances:
            write_text(part / "wav" / f"{u}.wav", u)
    stages_decode.merge(tmp_path, parts)
    assert list(read_table(tmp_path / "norm/feats.scp")) == ["a", "b", "c"]
    assert read_table(tmp_path / "wav/wav.scp") == {
        u: f"{tmp_path}/wav/{u}.wav" for u in "abc"
    }
    assert (tmp_path / "wav/b.wav").read_text() == "b"
    assert list(read_table(tmp_path / "durations")) == ["a", "b", "c"]
    assert (parts[0] / "speed/speed").exists()
    assert not (parts[0] / "wav").exists()


def test_missing_models_and_several_nodes_are_refused(recipe):
    with pytest.raises(UserError, match="exp/t/valid.loss.best.pth does not exist"):
        stages_decode.decode(make_options())
    with pytest.raises(UserError, match="--num_nodes is 2.*set ESPNET_ROOT"):
        stages_train.train(make_options("--num_nodes", "2"))
