"""Real stages of a tiny WaveGrad 2: training, distillation, speech, evaluation, zip."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml
from espnet2.bin import pack

from espnet_prodiff.bin import distill, evaluate, tts_inference, tts_train
from espnet_prodiff.errors import (
    ConfigError,
    DataError,
    InputError,
    TextError,
    VocoderError,
)
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.corpus import (
    FS,
    HOP,
    SENTENCES,
    read_config,
    train,
    train_options,
    without_durations,
)

WAVEGRAD2 = "conf/debug/train_wavegrad2.yaml"


def best(exp):
    return exp / "valid.loss.best.pth"


@pytest.fixture(scope="module")
def wavegrad2(corpus):
    """Experiment directory of a WaveGrad 2."""
    return train(corpus, WAVEGRAD2, corpus / "exp" / "tts_wavegrad2")


@pytest.fixture(scope="module")
def student(corpus, wavegrad2):
    """Its student of 4 steps, distilled from 8."""
    return train(
        corpus,
        WAVEGRAD2,
        corpus / "exp" / "tts_wavegrad2_student",
        *("--teacher_model_file", str(best(wavegrad2)), "--teacher_num_steps", "8"),
        *("--distill_distance", "l2", "--ema_decay", "0"),
    )


@pytest.fixture(scope="module")
def speak(wavegrad2):
    return Text2Speech(model_file=best(wavegrad2))


def test_config_tells_of_the_features(wavegrad2):
    conf = read_config(wavegrad2)["tts_conf"]
    assert (conf["hop_length"], conf["sampling_rate"]) == (HOP, FS)
    assert conf["espnet_prodiff"] == 2
    assert "normalize.mean" in load_weights(best(wavegrad2))


def test_a_resumed_training_equals_an_uninterrupted_one(corpus, wavegrad2, tmp_path):
    part = train(corpus, WAVEGRAD2, tmp_path / "part", "--max_epoch", "1")
    resumed = train(corpus, WAVEGRAD2, part, "--max_epoch", "2")
    ours, theirs = (load_weights(e / "2epoch.pth") for e in (resumed, wavegrad2))
    assert ours.keys() == theirs.keys()
    assert not [name for name in theirs if not torch.equal(theirs[name], ours[name])]


def test_durations_are_needed(corpus, tmp_path):
    options = train_options(corpus, WAVEGRAD2, tmp_path / "without")
    with pytest.raises(DataError, match="tts: wavegrad2 needs durations"):
        tts_train.main(without_durations(options))


def test_a_hop_of_its_own_is_refused(corpus, tmp_path):
    with pytest.raises(ConfigError, match="hop_length of tts_conf is 200"):
        train(corpus, WAVEGRAD2, tmp_path / "x", "--tts_conf", "hop_length=200")


def test_a_student_learns_its_denoiser_only(wavegrad2, student):
    before, after = load_weights(best(wavegrad2)), load_weights(best(student))
    assert before.keys() == after.keys()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith("tts.denoiser.") for name in changed)
    assert read_config(student)["tts_conf"]["num_steps"] == 4
    record = yaml.safe_load((student / "teacher.yaml").read_text())
    assert record["teacher_num_steps"] == 8


def test_a_student_speaks_in_its_own_steps(student):
    speak = Text2Speech(model_file=best(student))
    calls = []
    speak("ab", seed=0, callback=calls.append)
    assert len(calls) == 4 and speak.tts.default_eta == 0


def test_text_to_wave_needs_no_vocoder(speak):
    out = speak("bad cab", seed=1, num_steps=3)
    frames = int(out["duration"].sum())
    assert speak.vocoder is None and speak.fs == FS
    assert len(out["wav"]) == frames * HOP and out["wav"].isfinite().all()
    assert torch.equal(out["wav"], speak("bad cab", seed=1, num_steps=3)["wav"])
    assert not torch.equal(out["wav"], speak("bad cab", seed=2, num_steps=3)["wav"])


def test_a_vocoder_has_nothing_to_do(wavegrad2):
    with pytest.raises(VocoderError, match="WaveGrad2 makes waves itself"):
        Text2Speech(model_file=best(wavegrad2), vocoder_file="some.pth")


def test_pitch_is_refused(corpus, tmp_path):
    with pytest.raises(ConfigError, match="takes no pitch, but pitch_extract is dio"):
        train(corpus, WAVEGRAD2, tmp_path / "x", "--pitch_extract", "dio")


def test_mels_have_their_own_distance(corpus, wavegrad2, tmp_path):
    options = ("--teacher_model_file", str(best(wavegrad2)))
    options += ("--distill_distance", "l1_ssim", "--teacher_num_steps", "8")
    with pytest.raises(ValueError, match="l1_ssim is for mels"):
        train(corpus, WAVEGRAD2, tmp_path / "x", *options)


def test_a_batch_is_its_utterances(speak):
    texts = list(SENTENCES.values())[:3]
    together = speak.batch(texts, num_steps=2, seed=4)
    for text, out in zip(texts, together, strict=True):
        alone = speak(text, num_steps=2, seed=4)
        torch.testing.assert_close(out["wav"], alone["wav"])
        assert torch.equal(out["duration"], alone["duration"])


def test_recorded_durations_can_be_forced(speak, corpus):
    durations = (corpus / "durations").read_text().splitlines()[1].split()[1:]
    durations = np.array(durations, dtype=np.int64)
    wave, _ = sf.read(corpus / "wav" / "u1.wav", dtype="float32")
    options = dict(use_teacher_forcing=True, num_steps=2)
    given = dict(speech=wave, durations=durations)
    out = speak(SENTENCES["u1"], **given, **options)
    assert len(out["wav"]) == durations.sum() * HOP
    with pytest.raises(InputError, match="3 durations were given, expected 8"):
        speak(SENTENCES["u1"], speech=wave, durations=durations[:3], **options)


@pytest.mark.parametrize(
    "text, options, error, message",
    [
        ("", {}, TextError, "empty"),
        ("abz", {}, TextError, "'z'"),
        ("ab", dict(alpha=0), InputError, "alpha is 0"),
        ("ab", dict(num_steps=9), InputError, "between 1 and 8"),
        ("ab", dict(schedule=[2.0, 5.0]), InputError, "decrease strictly"),
        ("ab", dict(schedule="fast"), InputError, "wavegrad50"),
        ("ab", dict(vocoder_num_steps=2), InputError, "is for a DiffWave vocoder"),
    ],
)
def test_bad_input_is_one_clear_error(speak, text, options, error, message):
    with pytest.raises(error, match=message):
        speak(text, **options)


def test_stage_8_and_the_evaluation(corpus, wavegrad2, student, tmp_path):
    decoded = tmp_path / "decoded"
    options = ["--model_file", str(best(student)), "--seed", "3", "--batch_size", "2"]
    options += ["--data_path_and_name_and_type", f"{corpus}/text,text,text"]
    options += ["--output_dir", str(decoded)]
    tts_inference.main([*options, "--config", "conf/decode.yaml"])
    speak = Text2Speech(model_file=best(student))
    for utt, text in SENTENCES.items():
        wav, rate = sf.read(decoded / "wav" / f"{utt}.wav", dtype="float32")
        expected = speak(text, seed=3)["wav"].numpy()
        assert rate == FS and len(wav) == len(expected)
        assert np.abs(wav - expected).max() < 1e-3
    (decoded / "durations").rename(tmp_path / "parts")  # as stage 8 merges its jobs
    shutil.copy(tmp_path / "parts" / "durations", decoded)
    assert len((decoded / "durations").read_text().splitlines()) == 6

    evaluate.main(
        [
            *("--data_dir", str(corpus), "--durations", str(corpus / "durations")),
            *("--system", f"student={decoded}", "--num_seeds", "2"),
            *("--model", f"teacher={best(wavegrad2)}:8"),
            *("--model", f"student={best(student)}:4", "--num_pictures", "1"),
            *("--train_config", str(student / "config.yaml")),
            *("--output_dir", str(tmp_path / "results")),
        ]
    )
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {system["name"]: system for system in results["systems"]}
    assert rows["teacher"]["distance"]["mean"] == 0
    for name in ("mcd", "duration_ms", "mel_l1", "spread", "distance"):
        assert rows["student"][name]["mean"] > 0
    drawn = {p.name for p in (tmp_path / "results" / "images").iterdir()}
    wanted = {
        "decoded_u0.png",
        "mel_u0.png",
        "alignment_u0.png",
        "losses.png",
        "steps.png",
    }
    assert wanted | {"seeds_u0.png", "denoising_1_u0.png"} <= drawn
    spoken = tmp_path / "results" / "audio" / "u0" / "student_seed1.wav"
    assert sf.info(spoken).frames % HOP == 0


def test_a_packed_model_speaks_elsewhere(student, tmp_path, monkeypatch):
    zipped = tmp_path / "model.zip"
    monkeypatch.chdir(student)
    pack.main(
        [
            *("tts", "--train_config", "config.yaml"),
            *("--model_file", "valid.loss.best.pth", "--outpath", str(zipped)),
        ]
    )
    monkeypatch.chdir(tmp_path)
    speak = Text2Speech.from_pretrained(str(zipped))
    expected = Text2Speech(model_file=best(student))("a bed", seed=1)
    assert torch.equal(speak("a bed", seed=1)["wav"], expected["wav"])


def test_a_chain_begins_with_the_steps_of_its_config(wavegrad2, tmp_path, phases_here):
    config = tmp_path / "distill.yaml"
    options = yaml.safe_load(Path(WAVEGRAD2).read_text())
    options |= dict(teacher_num_steps=4, max_epoch=1, ema_decay=0.0)
    config.write_text(yaml.safe_dump(options))
    prefix = tmp_path / "student"
    distill.main(
        [
            *("--teacher_model_file", str(best(wavegrad2)), "--config", str(config)),
            *("--num_steps", "2", "1", "--output_prefix", str(prefix)),
        ]
    )
    for steps, teacher_steps in ((2, 4), (1, 2)):
        exp = tmp_path / f"student_steps{steps}"
        assert read_config(exp)["tts_conf"]["num_steps"] == steps
        record = yaml.safe_load((exp / "teacher.yaml").read_text())
        assert record["teacher_num_steps"] == teacher_steps
