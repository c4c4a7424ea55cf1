"""The spectral vocoder through ESPnet's stages, alone and against discriminators."""

import shutil

import pytest
import torch
import yaml

from espnet_prodiff.bin import finetune_vocoder
from espnet_prodiff.errors import ConfigError, InputError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.inference.decoding import decode_files
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.wave_generator import WaveGenerator
from tests.integration.corpus import FS, HOP, train

CONFIG = "conf/debug/train_spectral_vocoder.yaml"
GAN = "conf/debug/train_spectral_vocoder_gan.yaml"
NO_EXTRAS = ["--pitch_extract", "none", "--energy_extract", "none"]
NO_EXTRAS += ["--pitch_normalize", "none", "--energy_normalize", "none"]


@pytest.fixture(scope="module")
def exp(corpus):
    return train(corpus, CONFIG, corpus / "exp" / "tts_spectral", *NO_EXTRAS)


@pytest.fixture(scope="module")
def gan(corpus):
    both = ["--keep_nbest_models", "2"]  # epochs
    return train(corpus, GAN, corpus / "exp" / "tts_gan", *NO_EXTRAS, *both)


def tone(seconds=1.0, pitch=200):
    time = torch.arange(int(seconds * FS)) / FS
    return 0.3 * torch.sin(2 * torch.pi * pitch * time)


def test_training_enters_the_features_own_numbers(exp):
    conf = yaml.safe_load((exp / "config.yaml").read_text())["tts_conf"]
    assert (conf["hop_length"], conf["sampling_rate"], conf["n_fft"]) == (256, FS, 1024)


def test_it_is_a_vocoder_of_an_acoustic_model_and_has_no_steps(exp, teacher):
    file = exp / "valid.loss.best.pth"
    model = teacher / "valid.loss.best.pth"
    speak = Text2Speech(model_file=model, vocoder_file=file)
    out = speak("bad cab", seed=1)
    vocoder = WaveGenerator(file)
    assert torch.equal(out["wav"], vocoder(out["feat_gen_denorm"]))
    assert len(out["wav"]) == (len(out["feat_gen"]) - 1) * HOP
    with pytest.raises(InputError, match="vocoder_num_steps is for a DiffWave"):
        speak("bad cab", vocoder_num_steps=3)
    with pytest.raises(InputError, match="num_steps"):
        vocoder(out["feat_gen_denorm"], num_steps=3)


def test_it_is_neither_teacher_nor_student(exp, teacher, corpus, tmp_path):
    of = "--teacher_model_file"
    with pytest.raises(ConfigError, match="no steps to distil"):
        options = (of, str(exp / "valid.loss.best.pth"))
        train(corpus, "conf/debug/train_prodiff.yaml", tmp_path, *options)
    with pytest.raises(ConfigError, match="teacher_model_file is for prodiff"):
        options = (of, str(teacher / "valid.loss.best.pth"))
        train(corpus, CONFIG, tmp_path, *NO_EXTRAS, *options)


def test_stage_8_resynthesises(exp, corpus, tmp_path):
    speak = Text2Speech(model_file=exp / "valid.loss.best.pth")
    files = [(str(corpus / "text"), "text", "text")]
    files += [(str(corpus / "wav.scp"), "speech", "sound")]
    assert not decode_files(speak, files, tmp_path / "out")
    assert len(list((tmp_path / "out" / "wav").glob("*.wav"))) == 6


def test_fine_tuning_on_an_acoustic_models_mels(exp, teacher, tmp_path):
    finetune_vocoder.main(
        ["--acoustic_model_file", str(teacher / "valid.loss.best.pth")]
        + ["--vocoder_file", str(exp / "valid.loss.best.pth")]
        + ["--output_dir", str(tmp_path / "gta"), "--max_epoch", "1"]
    )
    before = load_weights(exp / "valid.loss.best.pth")
    after = load_weights(tmp_path / "gta" / "valid.loss.best.pth")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_model_files_of_adversarial_training_hold_the_vocoder_alone(gan, exp):
    weights = load_weights(gan / "valid.spectral_loss.best.pth")
    assert not [name for name in weights if "discriminator" in name]
    states = load_weights(gan / "checkpoint.pth")
    assert len(states["optimizers"]) == 2
    assert any(
        "period" in name or "mpd" in name for name in states["optimizers"][1]["module"]
    )
    wav = WaveGenerator(gan / "valid.spectral_loss.best.pth").resynthesize(tone())
    assert wav.isfinite().all() and wav.abs().max() > 1e-4


def test_generator_and_discriminator_learn(gan):
    states = [load_weights(gan / f"{epoch}epoch.pth") for epoch in (1, 2)]
    for name, before in states[0].items():
        if name.startswith("tts."):
            assert not torch.equal(before, states[1][name]), name
    stats = load_weights(gan / "checkpoint.pth")["reporter"]["stats"]
    losses = [stats[epoch]["train"]["discriminator_loss"] for epoch in (1, 2)]
    assert losses[0] != losses[1]


def test_a_resumed_adversarial_training_equals_an_uninterrupted_one(gan, corpus):
    part = corpus / "exp" / "tts_gan_part"
    train(corpus, GAN, part, *NO_EXTRAS, "--max_epoch", "1")
    train(corpus, GAN, part, *NO_EXTRAS)
    whole = load_weights(gan / "checkpoint.pth")
    resumed = load_weights(part / "checkpoint.pth")
    for name, value in whole["model"].items():
        assert torch.equal(value, resumed["model"][name]), name
    states = (x["optimizers"][1]["module"] for x in (whole, resumed))
    for (name, one), other in zip(
        next(states).items(), next(states).values(), strict=True
    ):
        assert torch.equal(one, other), name
    shutil.rmtree(part)
