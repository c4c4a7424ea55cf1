"""Waves from the command line and from Python: three uses, and two more."""

import re

import numpy as np
import pytest
import soundfile as sf
import torch

from espnet_prodiff.bin import generate
from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.wave_generator import WaveGenerator
from tests.integration.tiny_models import write_model

FS = 22050


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    confs = {
        "mel": {},
        "label": dict(conditioning="label", num_labels=3),
        "none": dict(conditioning="none"),
    }
    no = dict(pitch_extract=None, energy_extract=None)
    return {
        name: write_model(root / name, "diffwave", tts_conf=conf, **no)[1]
        for name, conf in confs.items()
    }


@pytest.fixture
def wavs(tmp_path):
    """Two recordings and one of another rate."""
    files = []
    for name, samples, fs in (("a", 3000, FS), ("b", 3000, FS), ("c", 900, 16000)):
        files.append(tmp_path / f"{name}.wav")
        wave = 0.1 * np.random.default_rng(len(files)).standard_normal(samples)
        sf.write(files[-1], wave, fs, "PCM_16")
    return files


def run(use, model_file, out, *words):
    words = ["--model_file", model_file, "--output_dir", out, *words]
    generate.main([use, *map(str, words)])
    table = (out / "wav.scp").read_text().splitlines()
    waves = {}
    for name, path in (line.split() for line in table):
        info = sf.info(path)
        assert (info.samplerate, info.subtype) == (FS, "PCM_16")
        waves[name] = torch.from_numpy(sf.read(path, dtype="float32")[0])
    return waves


def same(written, expected):
    torch.testing.assert_close(written, expected, atol=1e-4, rtol=0)


def read(path):
    return torch.from_numpy(sf.read(path, dtype="float32")[0])


def test_vocode_recordings_and_mels(models, wavs, tmp_path):
    diffwave = WaveGenerator(models["mel"])
    options = ("--wavs", *wavs[:2], "--schedule", "base6", "--seed", 3)
    got = run("vocode", models["mel"], tmp_path / "out", *options)
    assert list(got) == ["a", "b"]
    same(got["b"], diffwave.resynthesize(read(wavs[1]), schedule="base6", seed=3))
    assert len(got["a"]) == 3000

    mel = diffwave.features(read(wavs[0]))
    np.save(tmp_path / "a.npy", mel.numpy())
    (tmp_path / "feats.scp").write_text(f"a {tmp_path}/a.npy\n")
    scp = ("--feats_scp", tmp_path / "feats.scp", "--num_steps", 2)
    got = run("vocode", models["mel"], tmp_path / "of_mels", *scp)
    same(got["a"], diffwave.vocode(mel, num_steps=2, seed=777))


def test_generate_classes_and_without(models, tmp_path):
    diffwave = WaveGenerator(models["label"])
    options = ("--label", 2, "--seconds", 0.1, "--num_waves", 2, "--seed", 5)
    got = run("generate", models["label"], tmp_path / "out", *options, "--num_steps", 3)
    assert list(got) == ["label2_seed5", "label2_seed6"]
    same(got["label2_seed6"], diffwave.generate(0.1, 2, num_steps=3, seed=6))
    assert len(got["label2_seed5"]) == 2205
    diffwave.labels = {"bob": 2}
    named = diffwave.generate(0.1, "bob", num_steps=3, seed=6)
    same(got["label2_seed6"], named)
    with pytest.raises(InputError, match="no label 'ann': this DiffWave knows bob"):
        diffwave.generate(0.1, "ann")
    assert not torch.equal(*got.values())

    diffwave = WaveGenerator(models["none"])
    got = run("generate", models["none"], tmp_path / "none", "--num_steps", 2)
    same(got["seed777"], diffwave.generate(num_steps=2, seed=777))
    assert len(got["seed777"]) == 4 * 256  # a training clip


def test_denoise_and_interpolate(models, wavs, tmp_path):
    diffwave = WaveGenerator(models["none"])
    a, b = map(read, wavs[:2])
    options = ("--wavs", wavs[0], "--t", 25, "--num_steps", 2, "--eta", 0)
    got = run("denoise", models["none"], tmp_path / "d", *options)
    same(got["a"], diffwave.denoise(a, 25, num_steps=2, eta=0, seed=777))
    options = ("--wavs", *wavs[:2], "--t", 10, "--weights", 0, 0.5, "--num_steps", 2)
    got = run("interpolate", models["none"], tmp_path / "i", *options)
    assert list(got) == ["a_b_0", "a_b_0.5"]
    same(got["a_b_0.5"], diffwave.interpolate(a, b, 10, 0.5, num_steps=2, seed=777))


@pytest.mark.parametrize(
    "use, model, words, message",
    [
        ("vocode", "mel", "--wavs {2}", r"(?s)c.wav has another .*22050 +16000"),
        ("vocode", "mel", "", "--wavs or as --wav_scp"),
        ("vocode", "mel", "--wavs missing.wav", "missing.wav. does not exist"),
        ("vocode", "mel", "--wavs {0} {0}", "have the same name"),
        ("vocode", "mel", "--wavs {0} --schedule 0.9", "between 1 and|at least"),
        ("vocode", "none", "--wavs {0}", "conditioning 'none': .* conditioning mel"),
        ("generate", "mel", "", "conditioning 'mel': .* label or none"),
        ("generate", "label", "", "the label is missing"),
        ("generate", "label", "--label 3", r"labels must lie in 0 ... 2.*\[3\]"),
        ("generate", "none", "--label 1", "knows no labels"),
        ("generate", "none", "--seconds 0", "seconds must be greater than 0"),
        ("generate", "none", "--seconds -1", "seconds must be greater than 0"),
        (
            "generate",
            "none",
            "--num_waves 0",
            "num_waves must be a whole number",
        ),
        ("generate", "none", "--num_steps 51", "between 1 and 50"),
        ("denoise", "none", "--wavs {0} --t 51", "above 0 and at most 50"),
        ("denoise", "none", "--wavs {2} --t 5", "another sampling rate"),
        ("interpolate", "none", "--wavs {0} --t 5", "two recordings .* 1 are given"),
    ],
)
def test_bad_input(use, model, words, message, models, wavs, tmp_path):
    words = words.format(*wavs).split()
    with pytest.raises(SystemExit) as stopped:
        run(use, models[model], tmp_path / "out", *words)
    assert isinstance(stopped.value.code, str)
    assert re.search(message, stopped.value.code)
    assert not (tmp_path / "out" / "wav.scp").exists()


def test_stereo_and_broken_recordings(models, tmp_path):
    sf.write(tmp_path / "two.wav", np.zeros((500, 2)), FS)
    sf.write(tmp_path / "nan.wav", np.full(500, np.nan), FS, "FLOAT")
    for name, message in (("two", "has 2 channels"), ("nan", "NaN or infinite")):
        with pytest.raises(SystemExit, match=message):
            words = ("--wavs", tmp_path / f"{name}.wav")
            run("vocode", models["mel"], tmp_path / "out", *words)


def test_waves_of_different_length_are_not_blended(models):
    diffwave = WaveGenerator(models["none"])
    with pytest.raises(InputError, match="40 and 50 samples"):
        diffwave.interpolate(torch.zeros(40), torch.zeros(50), t=3)
