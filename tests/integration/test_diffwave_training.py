"""Real stages 6 to 8 of a tiny DiffWave, without durations."""

import shutil

import numpy as np
import pytest
import soundfile as sf
import torch

from espnet_prodiff.bin import finetune_vocoder, tts_inference, tts_train
from espnet_prodiff.errors import CheckpointError, ConfigError, DataError, InputError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.wave_generator import WaveGenerator
from tests.integration.conftest import DIFFWAVE
from tests.integration.corpus import (
    FS,
    HOP,
    N_MELS,
    make_corpus,
    read_config,
    train,
    train_options,
    without_durations,
)

LABELS = ("--tts_conf", "conditioning=label", "--tts_conf", "num_labels=4")


def with_labels(corpus, *more):
    options = list(more)
    for part in ("train", "valid"):
        options += [f"--{part}_data_path_and_name_and_type"]
        options += [f"{corpus}/utt2sid,sids,text_int"]
    return options


def test_config_tells_of_the_features(vocoder):
    config = read_config(vocoder)
    conf = config["tts_conf"]
    assert (conf["hop_length"], conf["sampling_rate"]) == (HOP, FS)
    assert conf["espnet_prodiff"] == 2
    made = WaveGenerator(vocoder / "valid.loss.best.pth")
    assert MelContract.of_config(config) == made.contract
    assert made.contract.n_mels == N_MELS and made.fs == FS
    assert config["normalize"] == "global_mvn"
    assert "normalize.mean" in load_weights(vocoder / "valid.loss.best.pth")


def test_a_resumed_training_equals_an_uninterrupted_one(corpus, vocoder, tmp_path):
    part = train(corpus, DIFFWAVE, tmp_path / "part", "--max_epoch", "1")
    resumed = train(corpus, DIFFWAVE, part, "--max_epoch", "2")
    ours, theirs = (load_weights(e / "2epoch.pth") for e in (resumed, vocoder))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(value, ours[name]), name


def test_durations_are_not_needed(corpus, vocoder, tmp_path):
    options = train_options(corpus, DIFFWAVE, tmp_path / "without")
    tts_train.main(without_durations(options))
    ours, theirs = (
        load_weights(e / "2epoch.pth") for e in (tmp_path / "without", vocoder)
    )
    assert all(torch.equal(value, ours[name]) for name, value in theirs.items())


def test_stage_8_is_copy_synthesis(corpus, vocoder, tmp_path):
    options = ["--model_file", str(vocoder / "valid.loss.best.pth")]
    options += ["--data_path_and_name_and_type", f"{corpus}/text,text,text"]
    options += ["--data_path_and_name_and_type", f"{corpus}/wav.scp,speech,sound"]
    options += ["--output_dir", str(tmp_path), "--seed", "3", "--batch_size", "2"]
    tts_inference.main([*options, "--num_steps", "2", "--config", "conf/decode.yaml"])
    make = WaveGenerator(vocoder / "valid.loss.best.pth")
    for line in (corpus / "wav.scp").read_text().splitlines():
        utt, path = line.split()
        wav, _ = sf.read(path, dtype="float32")
        expected = make.resynthesize(torch.from_numpy(wav), num_steps=2, seed=3)
        got, rate = sf.read(tmp_path / "wav" / f"{utt}.wav", dtype="float32")
        assert rate == FS and len(got) == (len(wav) // HOP + 1) * HOP
        torch.testing.assert_close(
            torch.from_numpy(got)[: len(wav)], expected, atol=1e-4, rtol=0
        )
    speak = tts_inference.Text2Speech(model_file=vocoder / "valid.loss.best.pth")
    with pytest.raises(InputError, match="speech is missing: .* the recording's mel"):
        speak("a")


def test_classes_come_from_utt2sid(corpus, tmp_path):
    exp = train(corpus, DIFFWAVE, tmp_path / "class", *LABELS, *with_labels(corpus))
    make = WaveGenerator(exp / "valid.loss.best.pth")
    one, other = (make.generate(0.1, label=label, seed=0) for label in (1, 2))
    assert len(one) == FS // 10 and not torch.equal(one, other)
    out = tmp_path / "out"
    options = ["--model_file", str(exp / "valid.loss.best.pth"), "--output_dir", out]
    options += ["--data_path_and_name_and_type", f"{corpus}/text,text,text"]
    options += ["--data_path_and_name_and_type", f"{corpus}/utt2sid,sids,text_int"]
    tts_inference.main([str(option) for option in options])
    assert len(list((out / "wav").glob("*.wav"))) == 6


def test_labels_are_checked_before_anything_is_written(corpus, tmp_path):
    exp = tmp_path / "class"
    with pytest.raises(DataError, match="num_labels is 4, but no sids.*--use_sid"):
        train(corpus, DIFFWAVE, exp, *LABELS)
    labels = with_labels(corpus, *LABELS[:3], "num_labels=3")
    with pytest.raises(DataError, match=r"utt2sid, utterance u2: .* one from 0 to 2"):
        train(corpus, DIFFWAVE, exp, *labels)
    assert not exp.exists()


def test_audio_of_another_rate_is_refused(corpus, tmp_path):
    other = make_corpus(tmp_path / "other", fs=22050)
    shutil.copytree(corpus / "stats", other / "stats")
    with pytest.raises(DataError, match="u0.wav has 22050 Hz, .*16000 Hz"):
        train(other, DIFFWAVE, tmp_path / "exp")


def test_a_hop_that_contradicts_the_features_is_refused(corpus, tmp_path):
    with pytest.raises(ConfigError, match="hop_length of tts_conf is 300, .* is 256"):
        train(corpus, DIFFWAVE, tmp_path / "exp", "--tts_conf", "hop_length=300")
    with pytest.raises(ConfigError, match="feats_extract is spectrogram"):
        train(corpus, DIFFWAVE, tmp_path / "exp", "--feats_extract", "spectrogram")


def test_weights_of_another_model_are_refused(vocoder, teacher, tmp_path):
    exp = shutil.copytree(vocoder, tmp_path / "exp")
    shutil.copy(teacher / "valid.loss.best.pth", exp / "2epoch.pth")
    with pytest.raises(CheckpointError, match="not of this DiffWave"):
        WaveGenerator(exp / "2epoch.pth")


def test_fine_tuning_on_an_acoustic_models_mels(
    corpus, vocoder, teacher, tmp_path, phases_here
):
    out = tmp_path / "gta"
    options = ["--acoustic_model_file", str(teacher / "valid.loss.best.pth")]
    options += ["--vocoder_file", str(vocoder / "valid.loss.best.pth")]
    options += ["--output_dir", str(out), "--config", "conf/finetune_diffwave.yaml"]
    options += ["--max_epoch", "1", "--num_iters_per_epoch", "4"]
    finetune_vocoder.main(options)
    scp = (out / "mels" / "train" / "feats.scp").read_text()
    assert [line.split()[0] for line in scp.splitlines()] == [f"u{i}" for i in range(6)]
    assert not list((out / "mels").glob("*.half*"))
    # The mels are the acoustic model's, normalised as the vocoder wants them.
    make = WaveGenerator(vocoder / "valid.loss.best.pth")
    speak = tts_inference.Text2Speech(
        model_file=teacher / "valid.loss.best.pth", use_teacher_forcing=True
    )
    wav, _ = sf.read(corpus / "wav" / "u3.wav", dtype="float32")
    row = (corpus / "durations").read_text().splitlines()[3].split()[1:]
    spoken = speak(
        "cede", speech=torch.from_numpy(wav), durations=list(map(int, row)), seed=0
    )
    mel = torch.from_numpy(np.load(scp.splitlines()[3].split()[1]))
    expected = make.model.normalize(spoken["feat_gen_denorm"].clone()[None])[0][0]
    torch.testing.assert_close(mel, expected, atol=1e-4, rtol=1e-4)
    assert len(mel) == len(wav) // HOP + 1
    # One epoch from the vocoder's weights has moved them, a little.
    before, after = (load_weights(e / "valid.loss.best.pth") for e in (vocoder, out))
    key = "tts.denoiser.network.in_proj.weight"
    assert 0 < (before[key] - after[key]).abs().max() < 0.1
    made = WaveGenerator(out / "valid.loss.best.pth")
    assert len(made.vocode(spoken["feat_gen_denorm"])) == len(mel) * HOP


@pytest.mark.parametrize("method, num_steps", [("progressive", 2), ("consistency", 1)])
def test_a_distilled_vocoder_speaks_in_fewer_steps(
    corpus, vocoder, tmp_path, method, num_steps
):
    best = vocoder / "valid.loss.best.pth"
    exp = train(
        corpus,
        DIFFWAVE,
        tmp_path / "exp",
        *("--teacher_model_file", str(best), "--teacher_num_steps", "4"),
        *("--distill_method", method, "--tts_conf", f"num_steps={num_steps}"),
        *("--accum_grad", "2", "--max_epoch", "1", "--ema_decay", "0"),
    )
    before, after = load_weights(best), load_weights(exp / "valid.loss.best.pth")
    assert before.keys() == after.keys()
    changed = [name for name in after if not torch.equal(before[name], after[name])]
    assert changed and all(n.startswith("tts.denoiser.network.") for n in changed)
    make = WaveGenerator(exp / "valid.loss.best.pth")
    calls = []
    network = make.model.tts.denoiser.network
    network.step_embedding.register_forward_hook(lambda *_: calls.append(1))
    wav = make.vocode(torch.zeros(9, N_MELS), seed=0)
    assert len(calls) == num_steps and len(wav) == 9 * HOP
    assert torch.equal(wav, make.vocode(torch.zeros(9, N_MELS), seed=0))
