"""Exports of other voices: several speakers, predictions, vocoders; refusals."""

import json
import lzma

import numpy as np
import onnx
import pytest
import torch

from espnet_prodiff.bin import export as command
from espnet_prodiff.errors import InputError, UserError, VocoderError
from espnet_prodiff.export import onnx_file
from espnet_prodiff.export.graphs import Graph
from espnet_prodiff.export.voice import export_voice
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.runtime import Voice
from tests.integration.tiny_models import write_model

SPECTRAL = dict(spectral_layers=2, spectral_channels=8, crop_frames=24)
NO_EXTRAS = dict(pitch_extract=None, energy_extract=None)


def both(folder, options=None, **files):
    export_voice(files["model_file"], folder, vocoder=files.get("vocoder_file"))
    return Voice(folder, threads=1, **(options or {})), Text2Speech(**files)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # mels of random weights
@pytest.mark.parametrize(
    "conf",
    [
        dict(spks=3, langs=2, spk_embed_dim=4, prediction_type="v"),
        dict(prediction_type="eps", noise_cond="log_snr", encoder_type="conformer"),
    ],
)
def test_speakers_languages_embeddings_and_predictions(tmp_path, conf):
    many = "spks" in conf
    conf = dict(conf, spk_embed_integration_type="concat") if many else conf
    file = write_model(tmp_path / "model", tts_conf=conf)[1]
    voice, torch_voice = both(tmp_path / "onnx", model_file=file)
    for number in range(3 if many else 1):
        who = {}
        if many:
            embedding = np.full(4, number / 2, np.float32)
            who = dict(sids=number, lids=number % 2, spembs=embedding)
        for steps in (1, 2, 4):
            options = dict(num_steps=steps, seed=number)
            found = voice.stream("hello, number one.", **options, **who)
            expected = torch_voice.stream("hello, number one.", **options, **who)
            for mine, theirs in zip(found, expected, strict=True):
                mel = theirs["feat_gen"].numpy()
                scale = max(1.0, np.abs(mel).max())
                assert np.abs(mine["feat_gen"] - mel).max() < 1e-4 * scale
    if many:
        for who in (dict(), dict(sids=3, lids=0), dict(sids=0, lids=0)):
            with pytest.raises(InputError, match="expected"):
                voice.say("hello", **who)


@pytest.mark.parametrize("phase", ["integrated", "direct"])
def test_a_spectral_vocoder(tmp_path, phase):
    file = write_model(tmp_path / "model")[1]
    conf = dict(SPECTRAL, phase=phase)
    options = dict(NO_EXTRAS, tts_conf=conf)
    vocoder = write_model(tmp_path / "vocoder", "spectral_vocoder", **options)[1]
    files = dict(model_file=file, vocoder_file=vocoder)
    voice, torch_voice = both(tmp_path / "onnx", **files)
    expected = torch_voice("hello there", seed=1)
    wav = voice.vocode({"feat_gen_denorm": expected["feat_gen_denorm"].numpy()}, {})
    error = wav["wav"] - expected["wav"].numpy()
    assert np.sqrt(np.mean(error**2) / np.mean(wav["wav"] ** 2)) < 0.02


def test_half_precision_is_half_the_size_and_loses_nothing_of_a_half_voice(
    exported_slt, tmp_path, capsys
):
    command.main(["slt", "--onnx", str(tmp_path), "--dtype", "float16"])
    assert " MB" in capsys.readouterr().out
    sizes = [(d / "denoiser.onnx").stat().st_size for d in (tmp_path, exported_slt)]
    assert sizes[0] < 0.55 * sizes[1]
    half, whole = (Voice(d, threads=1) for d in (tmp_path, exported_slt))
    wavs = [voice.say("Hello.", seed=1) for voice in (half, whole)]
    assert np.abs(wavs[0] - wavs[1]).max() < 1e-3


def test_the_json_has_what_a_runtime_needs(exported_slt):
    about = json.loads((exported_slt / "voice.json").read_text())
    assert about["mel"]["fs"] == 16000 and about["mel"]["log_base"] == 10.0
    assert len(about["window"]) == 1024 and len(about["mel_statistics"]["std"]) == 80
    assert about["text"]["tokens"][about["text"]["eos"]] == "<sos/eos>"
    assert about["diffusion"]["times"]["1"] == [1000.0, 0.0]
    card = (exported_slt / about["card"]).read_text()
    assert "Carnegie Mellon University" in card
    words = lzma.decompress((exported_slt / about["text"]["lexicon"]).read_bytes())
    assert b"\nhello hh ax0 l ow1\n" in words
    model = onnx.load(exported_slt / "encoder.onnx")
    assert {p.key: p.value for p in model.metadata_props}["voice"] == "slt"


def test_phones_of_a_voice_whose_g2p_is_not_exported(tmp_path):
    options = dict(
        token_type="phn", token_list=["<blank>", "<unk>", "AA", "B", "<sos>"]
    )
    file = write_model(tmp_path / "model", **options)[1]
    export_voice(file, tmp_path / "onnx")
    voice = Voice(tmp_path / "onnx", threads=1)
    phones = next(voice.stream("B AA [[B]]", seed=0))["phones"]
    assert [phone.token for phone in phones] == ["B", "AA", "B", "<sos>"]


def test_what_is_not_exported(tmp_path):
    model = write_model(tmp_path / "model")[1]
    with pytest.raises(UserError, match="dtype must be one of float32, float16"):
        export_voice(model, tmp_path, dtype="int4")
    other = write_model(tmp_path / "fastspeech2", "fastspeech2")[1]
    with pytest.raises(InputError, match="expected a ProDiff .*FastSpeech2"):
        export_voice(other, tmp_path / "onnx")
    vocoder = write_model(tmp_path / "diffwave", "diffwave", **NO_EXTRAS)[1]
    with pytest.raises(VocoderError, match="is not exported: take --vocoder none"):
        export_voice(model, tmp_path / "onnx", vocoder=vocoder)
    assert not (tmp_path / "onnx" / "voice.json").exists()


def test_a_graph_that_computes_something_else_is_refused(tmp_path):
    class Remembers(torch.nn.Module):
        def forward(self, x):
            return x * len(x)  # a length is a number to the tracer

    graph = Graph(Remembers(), {"x": torch.ones(3)}, ("y",), {"x": {0: "n"}})
    with pytest.raises(UserError, match="x.onnx: output y .* differs from torch's"):
        onnx_file.write_graph(tmp_path / "x.onnx", graph, "float32", {})
