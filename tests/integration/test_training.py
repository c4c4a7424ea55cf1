"""Real trainings of a tiny ProDiff through ESPnet's trainer."""

import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from espnet_prodiff.bin import tts_train
from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.training.task import DiffusionTTSTask
from tests.integration.conftest import TEACHER
from tests.integration.corpus import read_config, train, train_options


def weights(exp, name="valid.loss.best.pth"):
    return load_weights(exp / name)


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_teacher_config_carries_the_plugins_key(teacher):
    assert read_config(teacher)["tts_conf"]["espnet_prodiff"] == 2
    assert read_config(teacher)["config"] == TEACHER


def test_teacher_loads_strictly_and_speaks(teacher):
    model, _ = DiffusionTTSTask.build_model_from_file(
        None, teacher / "valid.loss.best.pth"
    )
    model.eval()
    out = model.inference(
        text=torch.tensor([3, 4, 5]), use_teacher_forcing=False, seed=0, num_steps=2
    )
    assert torch.isfinite(out["feat_gen"]).all()
    again = model.inference(
        text=torch.tensor([3, 4, 5]), use_teacher_forcing=False, seed=0, num_steps=2
    )
    assert torch.equal(out["feat_gen_denorm"], again["feat_gen_denorm"])


def test_a_resumed_training_equals_an_uninterrupted_one(corpus, teacher, tmp_path):
    part = train(corpus, TEACHER, tmp_path / "part", "--max_epoch", "1")
    resumed = train(corpus, TEACHER, part, "--max_epoch", "2")
    assert_same_weights(weights(resumed, "2epoch.pth"), weights(teacher, "2epoch.pth"))
    ours, theirs = (
        load_weights(exp / "checkpoint.pth")["optimizers"][0]["state"]
        for exp in (resumed, teacher)
    )
    for key, state in theirs.items():
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(ours[key][name]))


def test_saved_weights_are_the_moving_average(corpus, tmp_path):
    # One epoch of four updates, watched from outside.
    plain = train(
        corpus, TEACHER, tmp_path / "raw", "--max_epoch", "1", "--ema_decay", "0"
    )
    average = train(corpus, TEACHER, tmp_path / "ema", "--max_epoch", "1")
    raw_of_both = weights(plain, "1epoch.pth")
    state = load_weights(average / "checkpoint.pth")["optimizers"][0]["state"]
    model, _ = DiffusionTTSTask.build_model_from_file(average / "config.yaml")
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == len(state)
    averaged = weights(average, "1epoch.pth")
    moved = 0
    for index, name in enumerate(names):
        # The optimizer keeps the raw weights, the model file the average.
        torch.testing.assert_close(state[index]["ema"], raw_of_both[name])
        moved += not torch.equal(averaged[name], raw_of_both[name])
    assert moved > len(names) / 2


def test_a_changed_model_is_refused_before_anything_is_touched(corpus, teacher_copy):
    before = (teacher_copy / "config.yaml").read_text()
    with pytest.raises(ConfigError, match="denoiser_layers: 2 -> 3.*Nothing was"):
        train(corpus, TEACHER, teacher_copy, "--tts_conf", "denoiser_layers=3")
    with pytest.raises(ConfigError, match="ema: 'on' -> 'off'"):
        train(corpus, TEACHER, teacher_copy, "--ema_decay", "0")
    assert (teacher_copy / "config.yaml").read_text() == before


def test_divergence_is_an_error(corpus, tmp_path):
    with pytest.raises(RuntimeError, match="training diverged"):
        train(corpus, TEACHER, tmp_path / "nan", "--optim_conf", "lr=1e20")


def test_builtin_configuration_of_espnet_trains_unchanged(corpus, tmp_path):
    # The keys of egs2/ljspeech/tts1/conf/tuning/train_prodiff.yaml, made small.
    conf = dict(
        tts="prodiff",
        tts_conf=dict(
            adim=16,
            aheads=2,
            elayers=1,
            eunits=16,
            positionwise_layer_type="conv1d-linear",
            positionwise_conv_kernel_size=9,
            use_masking=True,
            use_scaled_pos_enc=True,
            encoder_normalize_before=True,
            reduction_factor=1,
            init_type="xavier_uniform",
            init_enc_alpha=1.0,
            transformer_enc_dropout_rate=0.05,
            duration_predictor_layers=2,
            duration_predictor_chans=16,
            pitch_predictor_chans=16,
            pitch_embed_kernel_size=1,
            stop_gradient_from_pitch_predictor=True,
            energy_predictor_chans=16,
            stop_gradient_from_energy_predictor=False,
            denoiser_layers=2,
            denoiser_channels=16,
            diffusion_steps=4,
            diffusion_timescale=1,
            diffusion_beta=40.0,
            diffusion_scheduler="vpsde",
            diffusion_cycle_ln=1,
        ),
        pitch_extract="dio",
        pitch_normalize="global_mvn",
        energy_extract="energy",
        energy_normalize="global_mvn",
        optim="adamw",
        optim_conf=dict(lr=1.0, betas=[0.9, 0.98]),
        scheduler="noamlr",
        scheduler_conf=dict(model_size=384, warmup_steps=2000),
        num_iters_per_epoch=2,
        max_epoch=1,
        batch_type="sorted",
        batch_size=4,
        num_workers=0,
        best_model_criterion=[["valid", "loss", "min"]],
    )
    config = tmp_path / "train_prodiff.yaml"
    config.write_text(yaml.safe_dump(conf))
    for key in ("prodiff", "prodiff_builtin"):
        exp = train(corpus, str(config), tmp_path / key, "--tts", key)
        ours = "tts.denoiser.network.in_proj.weight" in weights(exp)
        assert ours == (key == "prodiff")
        assert read_config(exp)["tts"] == key
    # The built-in's checkpoint under our key, and ours under the built-in's.
    for given, wanted, message in (
        ("prodiff_builtin", "prodiff", "tts: prodiff_builtin"),
        ("prodiff", "prodiff_builtin", "set tts to one of prodiff"),
    ):
        exp = tmp_path / given
        changed = {**read_config(exp), "tts": wanted}
        (exp / "config.yaml").write_text(yaml.safe_dump(changed))
        with pytest.raises((RuntimeError, ConfigError), match=message):
            DiffusionTTSTask.build_model_from_file(None, exp / "valid.loss.best.pth")


@pytest.mark.parametrize("name", ["ProDiff", "PRODIFF"])
def test_key_is_read_in_any_case(corpus, tmp_path, name):
    config = tmp_path / "train.yaml"
    conf = yaml.safe_load(Path(TEACHER).read_text()) | {"tts": name, "max_epoch": 1}
    config.write_text(yaml.safe_dump(conf))
    exp = train(corpus, str(config), tmp_path / "exp")
    assert read_config(exp)["tts"] == "prodiff"


def test_unknown_key_is_refused_with_the_choices(corpus, tmp_path):
    config = tmp_path / "train.yaml"
    config.write_text("tts: prodif\n")
    with pytest.raises(ConfigError, match="must be one of .*prodiff.*'prodif'"):
        train(corpus, str(config), tmp_path / "exp")


def test_a_spawned_child_trains_our_model(corpus, tmp_path):
    # As ESPnet starts one process per GPU.
    options = train_options(corpus, TEACHER, tmp_path / "exp")
    args = tts_train.get_parser().parse_args([*options, "--max_epoch", "1"])
    for name, value in dict(version="", distributed=False).items():
        setattr(args, name, value)
    process = multiprocessing.get_context("spawn").Process(
        target=DiffusionTTSTask.main_worker, args=(args,)
    )
    process.start()
    process.join(400)
    assert process.exitcode == 0
    assert "tts.denoiser.network.in_proj.weight" in weights(tmp_path / "exp")


@pytest.mark.parametrize(
    "config, learnt",
    [
        (TEACHER, "tts.denoiser.network.in_proj.weight"),
        ("conf/debug/train_spectral_vocoder_gan.yaml", "tts.network.embed.weight"),
    ],
)
def test_two_processes_train_together(corpus, tmp_path, config, learnt):
    # No unused-parameter failure, and both see the same gradient.
    options = train_options(corpus, config, tmp_path / "exp")
    options += ["--dist_world_size", "2", "--dist_backend", "gloo", "--max_epoch", "2"]
    options += ["--dist_init_method", f"file://{tmp_path}/rendezvous"]
    options += ["--batch_type", "sorted", "--num_iters_per_epoch", "2"]
    door = [sys.executable, "-m", "espnet_prodiff", "-m", "espnet2.bin.tts_train"]
    processes = [
        subprocess.Popen(
            [*door, *options, "--dist_rank", str(rank)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=400)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert learnt in weights(tmp_path / "exp", "latest.pth")


def test_stock_text2speech_speaks_once_the_task_is_imported(teacher):
    code = (
        "import espnet_prodiff.training.task\n"
        "from espnet2.bin.tts_inference import Text2Speech\n"
        f"tts = Text2Speech(model_file='{teacher}/valid.loss.best.pth')\n"
        "out = tts('a bed', decode_conf=dict(num_steps=2, seed=0))\n"
        "print(type(tts.tts).__module__, len(out['wav']) > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=400
    )
    assert "espnet_prodiff.prodiff.prodiff True" in done.stdout, done.stderr


def test_configs_of_every_size_build(corpus, tmp_path):
    for config in (
        "conf/train_prodiff.yaml",
        "conf/distill_prodiff.yaml",
        "conf/mini/train_prodiff.yaml",
        "conf/mini/distill_prodiff.yaml",
        "conf/train_diffwave.yaml",
        "conf/train_diffwave_large.yaml",
        "conf/train_diffwave_unconditional.yaml",
        "conf/train_diffwave_class.yaml",
        "conf/mini/train_diffwave.yaml",
        "conf/distill_diffwave.yaml",
        "conf/mini/distill_diffwave.yaml",
        "conf/train_wavegrad2.yaml",
        "conf/train_wavegrad2_large.yaml",
        "conf/mini/train_wavegrad2.yaml",
        "conf/distill_wavegrad2.yaml",
        "conf/mini/distill_wavegrad2.yaml",
        "conf/distill_prodiff_half.yaml",
        "conf/distill_prodiff_consistency.yaml",
        "conf/mini/distill_prodiff_consistency.yaml",
        "conf/train_prodiff_paper.yaml",
        "conf/train_diffwave_paper.yaml",
        "conf/train_wavegrad2_paper.yaml",
    ):
        options = train_options(corpus, config, tmp_path / "exp")
        for part in ("train", "valid"):
            options += [f"--{part}_data_path_and_name_and_type"]
            options += [f"{corpus}/utt2sid,sids,text_int"]
        tts_train.main([*options, "--dry_run", "true"])
        shutil.rmtree(tmp_path / "exp")
