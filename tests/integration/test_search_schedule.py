"""The search of a schedule from the command line, and what it writes."""

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml

from espnet_prodiff.bin import search_schedule
from espnet_prodiff.diffusion.sampling_times import resolve
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.wave_generator import WaveGenerator
from tests.integration.tiny_models import write_model

FS = 22050
NO = dict(pitch_extract=None, energy_extract=None)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "mel", "diffwave", **NO)[1]


@pytest.fixture
def wav_scp(tmp_path):
    lines = []
    for i, fs in enumerate((FS, FS, FS, 16000)):
        path = tmp_path / f"{i}.wav"
        wave = 0.1 * np.random.default_rng(i).standard_normal(3000)
        sf.write(path, wave, fs, "PCM_16")
        lines.append(f"utt{i} {path}\n")
    (tmp_path / "wav.scp").write_text("".join(lines[:3]))
    (tmp_path / "other_rate.scp").write_text(lines[3])
    return tmp_path / "wav.scp"


def search(*words):
    search_schedule.main([str(word) for word in words])


def common(model, wav_scp, steps=2):
    clips = ("--num_clips", 2, "--clip_seconds", 0.05)
    options = ("--model_file", model, "--wav_scp", wav_scp, "--num_steps", steps)
    return (*options, *clips)


def test_the_output_is_an_inference_config(model, wav_scp, tmp_path, capsys):
    outputs = [tmp_path / "new" / f"{i}.yaml" for i in range(2)]
    for output in outputs:
        search(*common(model, wav_scp), "--output", output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    config = yaml.safe_load(outputs[0].read_text())
    assert list(config) == ["schedule"] and len(config["schedule"]) == 2
    shown = ",".join(f"{beta:.6g}" for beta in config["schedule"])
    assert f"--schedule {shown}\n" in capsys.readouterr().out

    diffwave = WaveGenerator(model)
    assert len(resolve(config["schedule"], diffwave.tts.denoiser.schedule)) == 3
    speech = 0.1 * torch.randn(2000)
    waves = []
    for schedule in (config["schedule"], shown, "0.05,0.2"):
        text2speech = Text2Speech(model_file=model, schedule=schedule)
        waves.append(text2speech("a", speech=speech, seed=1))
    assert (waves[0]["wav"] == waves[1]["wav"]).all()
    assert (waves[0]["wav"] != waves[2]["wav"]).any()


def test_default_output_is_beside_the_model(model, wav_scp):
    search(*common(model, wav_scp, steps=1))
    written = model.parent / "schedule_1steps.yaml"
    assert len(yaml.safe_load(written.read_text())["schedule"]) == 1


@pytest.mark.parametrize(
    "words, message",
    [
        (("--num_steps", 0), "num_steps must be a whole number"),
        (("--num_clips", 0), "num_clips must be a whole number"),
        (("--clip_seconds", 0), "clip_seconds must be at least"),
        (("--wav_scp", "no_such.scp"), "no_such.scp does not exist"),
        (("--model_file", "no_such.pth"), "no_such.pth"),
    ],
)
def test_bad_options(model, wav_scp, words, message):
    with pytest.raises(SystemExit, match=message):
        search(*common(model, wav_scp), *words)


def test_bad_models_and_recordings(model, wav_scp, tmp_path):
    other = wav_scp.with_name("other_rate.scp")
    with pytest.raises(SystemExit, match="another sampling rate"):
        search(*common(model, wav_scp), "--wav_scp", other)
    conf = dict(conditioning="none")
    unconditional = write_model(tmp_path / "none", "diffwave", tts_conf=conf, **NO)[1]
    with pytest.raises(SystemExit, match="which takes a vocoder"):
        search(*common(unconditional, wav_scp))
