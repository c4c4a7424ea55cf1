"""Vocoders: Griffin-Lim, and ParallelWaveGAN checkpoints in ESPnet's generators."""

import argparse

import numpy as np
import pytest
import torch
import yaml
from espnet2.gan_tts.melgan.pqmf import PQMF
from espnet2.tts.feats_extract.linear_spectrogram import LinearSpectrogram
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import (
    CheckpointError,
    ConfigError,
    MelContractError,
    VocoderError,
)
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.vocoder import build_vocoder
from tests.integration.parallel_wavegan_files import (
    GENERATORS,
    HOP,
    make_generator,
    pwg_config,
    write_checkpoint,
)
from tests.integration.tiny_models import write_model

FRAMES = 17


def acoustic(feats_extract=None):
    """The parts of an ESPnetTTSModel that build_vocoder reads."""
    return argparse.Namespace(
        feats_extract=feats_extract or LogMelFbank(fs=22050),
        tts=argparse.Namespace(require_vocoder=True),
    )


@pytest.fixture(scope="module")
def mels():
    torch.manual_seed(2)
    return torch.randn(FRAMES, 80) * 0.8 - 2


@pytest.mark.parametrize(
    ("name", "stats"),
    [(name, "h5") for name in GENERATORS]
    + [("HiFiGANGenerator", "npy"), ("StyleMelGANGenerator", "none")],
)
def test_generators_speak_as_when_called_directly(name, stats, mels, tmp_path):
    generator, params = make_generator(name)
    config = pwg_config(name, params, format="npy" if stats == "npy" else "hdf5")
    path, mean, scale = write_checkpoint(tmp_path, generator, config, stats=stats)
    vocoder = build_vocoder(None, path, acoustic())
    assert vocoder.fs == 22050
    torch.manual_seed(5)
    wave = vocoder(mels)
    torch.manual_seed(5)
    with torch.no_grad():
        normal = mels if stats == "none" else (mels - mean) / scale
        expected = generator.inference(normal).view(-1)
    assert wave.shape == (FRAMES * HOP,) and wave.std() > 1e-3
    torch.testing.assert_close(wave, expected, atol=1e-5, rtol=1e-4)
    assert vocoder(mels[:1]).shape == (HOP,)


def test_parallel_wavegan_with_its_own_split_layers_and_option_names(mels, tmp_path):
    """The package saves conv1x1_out and conv1x1_skip apart and calls it dropout."""
    generator, params = make_generator("ParallelWaveGANGenerator")
    states = {}
    for key, value in generator.state_dict().items():
        if "conv1x1_out" in key:
            states[key] = value[:8].clone()
            states[key.replace("out", "skip")] = value[8:].clone()
        else:
            states[key] = value
    params = {**params, "dropout": 0.0, "use_causal_conv": False}
    params["upsample_params"] = {
        "upsample_scales": [4, 4, 4, 4],
        "use_causal_conv": False,
    }
    config = pwg_config("ParallelWaveGANGenerator", params)
    path, mean, scale = write_checkpoint(tmp_path, generator, config, states)
    vocoder = build_vocoder(None, path, acoustic())
    torch.manual_seed(5)
    wave = vocoder(mels)
    torch.manual_seed(5)
    with torch.no_grad():
        expected = generator.inference((mels - mean) / scale).view(-1)
    torch.testing.assert_close(wave, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("norm", ["removed", "parametrization"])
def test_other_forms_of_weight_normalisation(norm, mels, tmp_path):
    generator, params = make_generator("HiFiGANGenerator")
    states = {k: v.clone() for k, v in generator.state_dict().items()}
    expected = generator.inference(mels).detach().view(-1)
    if norm == "removed":
        generator.remove_weight_norm()
        states = generator.state_dict()
    else:
        names = {"weight_g": "original0", "weight_v": "original1"}
        for old, new in names.items():
            ending = f"parametrizations.weight.{new}"
            states = {k.replace(old, ending): v for k, v in states.items()}
    config = pwg_config("HiFiGANGenerator", params)
    path, _, _ = write_checkpoint(tmp_path, generator, config, states, stats="none")
    wave = build_vocoder(None, path, acoustic())(mels)
    torch.testing.assert_close(wave, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("more", "pqmf"),
    [
        ({}, dict(taps=62, cutoff_ratio=0.15, beta=9.0)),
        ({"version": "0.5.1"}, {}),
        ({"pqmf_params": {"taps": 32, "cutoff_ratio": 0.14}}, dict(taps=32)),
    ],
)
def test_multi_band_melgan_joins_its_bands(more, pqmf, mels, tmp_path):
    if "pqmf_params" in more:
        pqmf = more["pqmf_params"]
    generator, params = make_generator(
        "MelGANGenerator", out_channels=4, upsample_scales=[8, 8]
    )
    config = pwg_config("MelGANGenerator", params, **more)
    path, _, _ = write_checkpoint(tmp_path, generator, config, stats="none")
    wave = build_vocoder(None, path, acoustic())(mels)
    with torch.no_grad():
        bands = generator.inference(mels).T[None]
        expected = PQMF(subbands=4, **pqmf).synthesis(bands).view(-1)
    torch.testing.assert_close(wave, expected, atol=1e-5, rtol=1e-4)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


def test_hostile_vocoder_files_are_refused(tmp_path):
    generator, params = make_generator("HiFiGANGenerator")
    config = pwg_config("HiFiGANGenerator", params)
    path, _, _ = write_checkpoint(tmp_path, generator, config)
    canary = tmp_path / "canary"
    (tmp_path / "config.yml").write_text(
        f"x: !!python/object/apply:os.mkdir ['{canary}']\n"
    )
    with pytest.raises(ConfigError, match="config.yml is not plain yaml"):
        build_vocoder(None, path, acoustic())
    (tmp_path / "config.yml").write_text(yaml.dump(config))
    torch.save({"model": {"generator": {}}, "x": Payload(canary)}, path)
    with pytest.raises(CheckpointError, match="could run code"):
        build_vocoder(None, path, acoustic())
    np.save(tmp_path / "stats.npy", np.array([Payload(canary)], dtype=object))
    (tmp_path / "stats.h5").unlink()
    torch.save({"model": {"generator": generator.state_dict()}}, path)
    with pytest.raises(VocoderError, match="stats.npy cannot be read"):
        build_vocoder(None, path, acoustic())
    assert not canary.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generator_type": "UHiFiGANGenerator"}, "UHiFiGANGenerator, supported are"),
        ({"generator_params": None}, "no generator_params"),
        ({"hop_size": 128}, "256 samples per frame.*hop_size 128"),
        ({"use_causal_conv": True}, "causal convolutions"),
        ({"out_channels": 4}, "4 bands"),
        ({"mystery": 1}, "options that ESPnet's HiFiGANGenerator lacks: mystery"),
        ({"upsample_kernel_sizes": [3, 3, 3]}, "refuses its generator_params"),
        ({"channels": 32}, "does not fit"),
    ],
)
def test_unsupported_generators_are_named(change, message, tmp_path):
    generator, params = make_generator("HiFiGANGenerator")
    config = pwg_config("HiFiGANGenerator", params)
    for key, value in change.items():
        (config if key in config else params)[key] = value
    path, _, _ = write_checkpoint(tmp_path, generator, config)
    with pytest.raises((VocoderError, CheckpointError), match=message):
        build_vocoder(None, path, acoustic())


def test_statistics_must_fit(tmp_path):
    generator, params = make_generator("HiFiGANGenerator")
    config = pwg_config("HiFiGANGenerator", params)
    path, mean, _ = write_checkpoint(tmp_path, generator, config, stats="none")
    np.save(tmp_path / "stats.npy", np.stack([mean, mean * 0]))
    with pytest.raises(VocoderError, match="not > 0"):
        build_vocoder(None, path, acoustic())
    np.save(tmp_path / "stats.npy", np.ones((2, 40)))
    with pytest.raises(VocoderError, match="40 channels, the vocoder has 80"):
        build_vocoder(None, path, acoustic())


def test_another_kind_of_mel_is_refused_with_both_sides(tmp_path):
    generator, params = make_generator("HiFiGANGenerator")
    config = pwg_config("HiFiGANGenerator", params, sampling_rate=24000)
    path, _, _ = write_checkpoint(tmp_path, generator, config)
    with pytest.raises(MelContractError, match=r"! fs +22050 +24000"):
        build_vocoder(None, path, acoustic())
    with pytest.raises(MelContractError, match="LinearSpectrogram"):
        build_vocoder(None, path, acoustic(LinearSpectrogram()))


def test_kinds_and_missing_files_are_named(tmp_path):
    with pytest.raises(VocoderError, match="v.onnx is of no known kind: use none"):
        build_vocoder(None, "v.onnx", acoustic())
    with pytest.raises(FileNotFoundError, match="nothing.pkl does not exist"):
        build_vocoder(None, tmp_path / "nothing.pkl", acoustic())
    generator, params = make_generator("HiFiGANGenerator")
    config = pwg_config("HiFiGANGenerator", params)
    path, _, _ = write_checkpoint(tmp_path, generator, config)
    (tmp_path / "config.yml").unlink()
    with pytest.raises(FileNotFoundError, match="config.yml does not exist"):
        build_vocoder(None, path, acoustic())


def voice(seconds=0.5, fs=22050):
    time = np.arange(int(seconds * fs)) / fs
    tone = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 30))
    return torch.tensor(0.1 * tone * (1 + 0.5 * np.sin(9 * time)), dtype=torch.float32)


@pytest.mark.parametrize("log_base", [10.0, None, 2.0])
@pytest.mark.parametrize("htk", [False, True])
def test_the_builtin_gives_back_the_mels(log_base, htk):
    extract = LogMelFbank(fs=22050, log_base=log_base, htk=htk)
    mels = extract(voice()[None])[0][0]
    vocoder = build_vocoder(None, None, acoustic(extract))
    wave = vocoder(mels)
    assert vocoder.fs == 22050 and wave.shape == ((len(mels) - 1) * HOP,)
    again = extract(wave[None])[0][0]
    natural = np.log(log_base or np.e)
    loud = mels * natural > np.log(1e-2)
    assert ((again - mels).abs() * natural)[loud].mean() < 0.1
    assert torch.equal(wave, vocoder(mels))


def test_the_builtin_keeps_the_level_of_normalised_spectra():
    extract = LogMelFbank(fs=22050, normalized=True)
    wave = build_vocoder(None, None, acoustic(extract))(extract(voice()[None])[0][0])
    assert wave.std() == pytest.approx(float(voice().std()), rel=0.05)


def test_options_of_the_builtin():
    extract = LogMelFbank(fs=22050)
    mels = extract(voice()[None])[0][0]
    assert build_vocoder(None, "none", acoustic(extract)).rounds == 8
    assert build_vocoder(None, None, acoustic())(mels[:1]).ndim == 1
    linear = LinearSpectrogram()
    assert build_vocoder(None, None, acoustic(linear)) is None


def test_rounds_of_the_builtin_from_a_config(tmp_path):
    config = tmp_path / "gl.yaml"
    config.write_text("griffin_lim_iters: 3\n")
    assert build_vocoder(config, None, acoustic()).rounds == 3
    config.write_text("griffin_lim_iters: 0\n")
    with pytest.raises(VocoderError, match="griffin_lim_iters is 0"):
        build_vocoder(config, None, acoustic())


@pytest.mark.parametrize("kind", ["HiFiGANGenerator", "StyleMelGANGenerator"])
def test_a_neural_vocoder_in_batches(kind, tmp_path):
    files = write_model(tmp_path)
    generator, params = make_generator(kind)
    path, _, _ = write_checkpoint(tmp_path, generator, pwg_config(kind, params))
    text2speech = Text2Speech(*files, vocoder_file=path)
    texts = ["hi", "hello."]
    for text, out in zip(texts, text2speech.batch(texts, seed=2), strict=True):
        assert out["wav"].shape == (256 * len(out["feat_gen"]),)
        assert out["wav"].std() > 1e-3
        alone = text2speech(text, seed=2)
        assert out.pop("phones") == alone.pop("phones")
        torch.testing.assert_close(out, alone, atol=1e-4, rtol=0)
    config = pwg_config(kind, params, sampling_rate=16000)
    path, _, _ = write_checkpoint(tmp_path, generator, config)
    with pytest.raises(MelContractError, match="! fs +22050 +16000"):
        Text2Speech(*files, vocoder_file=path)


@pytest.mark.parametrize("tag", ["parallel_wavegan/x.v1", "x.v1"])
def test_vocoder_tags_are_refused_with_what_to_do(tag):
    with pytest.raises(VocoderError, match=rf"{tag} .*vocoder_file=<the \.pkl>"):
        Text2Speech.from_pretrained(vocoder_tag=tag)
