"""Real phases of distillation through ESPnet's trainer."""

import argparse
import multiprocessing
import shutil

import pytest
import torch
import yaml

from espnet_prodiff.errors import CheckpointError, ConfigError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.training.task import DiffusionTTSTask
from espnet_prodiff.training.trainer import init_student
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
    # Its times are every second of its teacher's, written down.
    times = build(teacher).tts.times()[::2].tolist()
    assert config["tts_conf"]["distilled_times"] == times
    assert build(student).tts.times().tolist() == times
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


def test_a_teacher_can_be_sampled_with_other_steps_than_its_own(
    corpus, teacher, tmp_path
):
    options = ["--teacher_model_file", str(best(teacher)), "--tts_conf", "num_steps=1"]
    exp = train(corpus, STUDENT, tmp_path / "exp", *options, "--teacher_num_steps", "3")
    record = yaml.safe_load((exp / "teacher.yaml").read_text())
    assert record["teacher_num_steps"] == 3
    with pytest.raises(ConfigError, match="was sampled in 3 steps .* not in 2"):
        train(corpus, STUDENT, exp, *options, "--teacher_num_steps", "2")
    with pytest.raises(ConfigError, match="in 1 to 4 steps, but .* is 5"):
        train(corpus, STUDENT, tmp_path / "b", *options, "--teacher_num_steps", "5")


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


def build(exp):
    model, _ = DiffusionTTSTask.build_model_from_file(exp / "config.yaml", best(exp))
    return model


def test_consistency_makes_a_student_of_one_step(corpus, teacher, tmp_path):
    exp = train(
        corpus,
        STUDENT,
        tmp_path / "exp",
        *("--teacher_model_file", str(best(teacher))),
        *("--distill_method", "consistency", "--distill_distance", "l1"),
        *("--ema_decay", "0.95"),
    )
    model = build(exp).eval()
    assert model.tts.times().tolist() == [4, 0]
    calls = []
    model.tts.denoiser.network.register_forward_hook(lambda *_: calls.append(1))
    model.inference(text=torch.tensor([3, 4, 5]), use_teacher_forcing=False)
    assert len(calls) == 1
    assert not torch.equal(
        load_weights(best(exp))["tts.denoiser.network.out_proj.weight"],
        load_weights(best(teacher))["tts.denoiser.network.out_proj.weight"],
    )
    with pytest.raises(ValueError, match="consistency makes a student of 1 step, but"):
        train(
            corpus,
            STUDENT,
            tmp_path / "two",
            *("--teacher_model_file", str(best(teacher))),
            *("--distill_method", "consistency", "--distill_distance", "l2"),
            *("--tts_conf", "num_steps=2"),
        )
    with pytest.raises(ValueError, match="runs away.*distill_distance l2, or a moving"):
        train(
            corpus,
            STUDENT,
            tmp_path / "l1",
            *("--teacher_model_file", str(best(teacher))),
            *("--distill_method", "consistency", "--distill_distance", "l1"),
        )


def test_a_smaller_student_keeps_every_second_layer(teacher):
    args = DiffusionTTSTask.get_default_config()
    args |= read_config(teacher)
    args["tts_conf"] = args["tts_conf"] | {"denoiser_layers": 1}
    student = DiffusionTTSTask.build_model(argparse.Namespace(**args))
    init_student(student, best(teacher))
    theirs, ours = load_weights(best(teacher)), student.state_dict()
    assert len(student.tts.denoiser.network.layers) == 1
    for name, weight in ours.items():
        of_teacher = theirs[name]
        if name.split(".")[-2] in ("step_proj", "cond_proj"):
            of_teacher = of_teacher[: len(of_teacher) // 2]
        assert torch.equal(weight, of_teacher), name
    args["tts_conf"]["denoiser_layers"] = 3
    larger = DiffusionTTSTask.build_model(argparse.Namespace(**args))
    with pytest.raises(ValueError, match="at most its teacher's 2 residual layers"):
        init_student(larger, best(teacher))
    args["tts_conf"] |= {"denoiser_layers": 2, "adim": 8}
    other = DiffusionTTSTask.build_model(argparse.Namespace(**args))
    with pytest.raises(CheckpointError, match="tts.encoder"):
        init_student(other, best(teacher))


def test_another_noise_schedule_is_refused(corpus, teacher, tmp_path):
    with pytest.raises(ValueError, match="different noise schedules.*diffusion_steps"):
        train(
            corpus,
            STUDENT,
            tmp_path / "exp",
            *("--teacher_model_file", str(best(teacher))),
            *("--tts_conf", "diffusion_scheduler=linear"),
        )


@pytest.fixture
def student_and_batches(teacher):
    """A student in training and the two halves of a batch."""
    args = DiffusionTTSTask.get_default_config() | read_config(teacher)
    args["teacher_model_file"] = str(best(teacher))
    args["tts_conf"] = args["tts_conf"] | {"num_steps": 2}
    model = DiffusionTTSTask.build_model(argparse.Namespace(**args))
    init_student(model, best(teacher))
    # Two near-untrained networks hardly differ; the losses have to be of some size.
    torch.nn.init.normal_(model.tts.denoiser.network.out_proj.weight, std=0.3)
    generator = torch.Generator().manual_seed(0)
    halves = []
    for frames in (12, 17):
        lengths = torch.tensor([frames, frames - 4])
        durations = torch.zeros(2, 5, dtype=torch.long)
        durations[:, :4], durations[:, 4] = 2, lengths - 8
        halves.append(
            {
                "text": torch.randint(3, 8, (2, 4), generator=generator),
                "text_lengths": torch.tensor([4, 4]),
                "feats": torch.randn(2, frames, 20, generator=generator),
                "feats_lengths": lengths,
                "durations": durations,
                "durations_lengths": torch.tensor([5, 5]),
                "pitch": torch.randn(2, 5, 1, generator=generator),
                "pitch_lengths": torch.tensor([5, 5]),
                "energy": torch.randn(2, 5, 1, generator=generator),
                "energy_lengths": torch.tensor([5, 5]),
            }
        )
    return model.tts.train(), halves


def loss_of_half(tts, halves, rank):
    torch.manual_seed(rank)
    return tts(**halves[rank])[0]


def train_on_half(rank, rendezvous, tts, halves, results):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2
    )
    torch.set_num_threads(1)
    parallel = torch.nn.parallel.DistributedDataParallel(tts)
    loss = loss_of_half(parallel, halves, rank)
    loss.backward()
    results[rank] = (
        loss.item(),
        {n: p.grad.numpy() for n, p in tts.named_parameters() if p.requires_grad},
    )
    torch.distributed.destroy_process_group()


def test_two_processes_have_the_loss_and_gradient_of_one(student_and_batches, tmp_path):
    tts, halves = student_and_batches
    with multiprocessing.Manager() as manager:
        results = manager.dict()
        torch.multiprocessing.spawn(
            train_on_half, (tmp_path / "rendezvous", tts, halves, results), nprocs=2
        )
        (first, gradient), (second, same) = results[0], results[1]
    # One process that accumulates the gradients of both halves.
    losses = [loss_of_half(tts, halves, rank) / 2 for rank in range(2)]
    sum(losses).backward()
    assert (first + second) / 2 == pytest.approx(sum(losses).item(), abs=1e-5)
    for name, parameter in tts.named_parameters():
        if parameter.requires_grad:
            one = parameter.grad.numpy()
            assert abs(gradient[name] - one).max() < 1e-5, name
            assert (gradient[name] == same[name]).all()


def test_loss_in_half_precision(student_and_batches):
    tts, halves = student_and_batches
    exact = loss_of_half(tts, halves, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = loss_of_half(tts, halves, 0)
    assert coarse.item() == pytest.approx(exact.item(), rel=0.03)
    coarse.backward()
    gradients = [p.grad for p in tts.parameters() if p.requires_grad]
    assert all(torch.isfinite(g).all() for g in gradients)
