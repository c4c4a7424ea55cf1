"""The demo voice as sherpa-onnx speaks it, and the vocoder as one graph."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from espnet_prodiff import Text2Speech
from espnet_prodiff.bin import export as command
from espnet_prodiff.errors import InputError
from espnet_prodiff.export.inversion_graph import InversionGraph
from espnet_prodiff.export.sherpa import Matcha, export_sherpa
from tests.integration.tiny_models import write_model

TEXT = "Hello there, how are you today?"
SPEAK = """
import sys
import sherpa_onnx, soundfile
names = ("acoustic_model", "vocoder", "tokens", "lexicon")
files = ("model.onnx", "vocoder.onnx", "tokens.txt", "lexicon.txt")
paths = {name: f"{sys.argv[1]}/{file}" for name, file in zip(names, files)}
matcha = sherpa_onnx.OfflineTtsMatchaModelConfig(**paths, noise_scale=0.0)
model = sherpa_onnx.OfflineTtsModelConfig(matcha=matcha, num_threads=1)
config = sherpa_onnx.OfflineTtsConfig(model=model, silence_scale=1.0)
audio = sherpa_onnx.OfflineTts(config).generate(sys.argv[3], sid=0, speed=1.0)
soundfile.write(sys.argv[2], audio.samples, audio.sample_rate, "FLOAT")
"""


@pytest.fixture(scope="module")
def slt(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return Text2Speech.from_pretrained("slt", cachedir=cache)


def test_sherpa_says_what_we_say(slt, tmp_path, capsys):
    pytest.importorskip("sherpa_onnx")
    command.main(["slt", "--sherpa", str(tmp_path)])
    assert " MB" in capsys.readouterr().out
    wave = tmp_path / "a.wav"
    arguments = [str(tmp_path), str(wave), TEXT]
    subprocess.run([sys.executable, "-c", SPEAK, *arguments], check=True)
    found, fs = soundfile.read(wave, dtype="float32")
    expected = slt(TEXT, temperature=0.0)["wav"].numpy()
    assert fs == 16000
    # It cuts the silence at the end.
    assert 0.85 * len(expected) < len(found) <= len(expected)
    error = found - expected[: len(found)]
    assert np.sqrt(np.mean(error**2) / np.mean(found**2)) < 0.02


@pytest.mark.parametrize("frames", [5, 40])
def test_the_vocoder_in_one_graph(slt, frames):
    mel = slt("Yes, it is.", seed=0)["feat_gen_denorm"][3 : 3 + frames]
    vocoder = slt.vocoder
    graph = InversionGraph(vocoder._inversion, vocoder._log_base, vocoder._scale)
    with torch.no_grad():
        found = graph(mel.T[None])[0, 0]
    expected = vocoder(mel)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()


@pytest.mark.parametrize("kind", ["x_0", "eps", "v"])
def test_steps_in_one_graph_are_the_sampler_s(tmp_path, kind):
    conf = dict(prediction_type=kind, noise_cond="alpha")
    text2speech = Text2Speech(model_file=write_model(tmp_path, tts_conf=conf)[1])
    matcha = Matcha(text2speech, 3).eval()
    ids = torch.tensor([4, 5, 6, 7])
    x = torch.zeros(1, 9, dtype=torch.long)
    x[0, 1::2] = ids
    with torch.no_grad():
        mel = matcha(x, torch.tensor([9]), torch.zeros(1), torch.tensor([1.5]))[0].T
    out = text2speech(ids, num_steps=3, temperature=0.0, alpha=1.5)
    expected = out["feat_gen_denorm"]
    assert mel.shape == expected.shape
    assert (mel - expected).abs().max() < 1e-4 * expected.abs().max().clamp(min=1)


def test_voices_that_its_front_end_cannot_read(tmp_path):
    model = write_model(tmp_path / "model")[1]
    with pytest.raises(InputError, match="expected a voice of one speaker that reads"):
        export_sherpa(model, tmp_path / "out")
    for wrong in (
        ["--onnx", "x", "--num_steps", "2"],
        ["--sherpa", "x", "--dtype", "y"],
    ):
        with pytest.raises(SystemExit, match="--num_steps is for|are for --onnx"):
            command.main(["slt", *wrong])
