"""Half precision: what is rounded, what is not, and how much it changes."""

import pytest
import torch

from espnet_prodiff.bin.tts_inference import get_parser
from espnet_prodiff.diffwave.network import DiffWaveNetwork
from espnet_prodiff.diffwave.tiling import TiledNetwork
from espnet_prodiff.errors import UserError
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.prodiff.prodiff import ProDiff
from tests.integration.tiny_models import write_model
from tests.prodiff.factory import inference_inputs, make_batch, make_prodiff

TEXT = "a longer one, with a comma."


def relative(value, expected):
    return float((value - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("prodiff"))


@pytest.mark.parametrize("dtype, least", [("bfloat16", 1e-4), ("float16", 1e-5)])
def test_half_precision_is_near_and_gives_float32(files, dtype, least):
    exact, half = Text2Speech(*files), Text2Speech(*files, dtype=dtype)
    for model in (exact, half):  # else a rounded duration may be another
        torch.nn.init.zeros_(model.tts.duration_predictor.linear.weight)
        torch.nn.init.constant_(model.tts.duration_predictor.linear.bias, 1.5)
    mean = half.normalize.mean.clone()
    outputs = [model(TEXT, seed=1) for model in (exact, half)]
    for name in ("feat_gen", "feat_gen_denorm", "wav"):
        assert outputs[1][name].dtype == torch.float32
    assert torch.equal(outputs[0]["duration"], outputs[1]["duration"])
    error = relative(outputs[1]["feat_gen"], outputs[0]["feat_gen"])
    assert least < error < 0.02
    assert half.normalize.mean.dtype == torch.float32
    assert torch.equal(half.normalize.mean, mean.float())
    for one, other in zip(half.batch([TEXT, "hi"], seed=1), (TEXT, "hi"), strict=True):
        assert relative(one["feat_gen"], half(other, seed=1)["feat_gen"]) < 0.01


def test_a_teacher_in_several_steps_is_near():
    model = make_prodiff(encoder_type="conformer", conformer_enc_kernel_size=3)
    inputs = inference_inputs(make_batch(), 1) | {"use_teacher_forcing": True}
    exact = model.inference(**inputs, seed=0, num_steps=4)["feat_gen"]
    for layer in model.product_layers():
        layer.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.inference(**inputs, seed=0, num_steps=4)["feat_gen"]
    assert 1e-4 < relative(half, exact) < 0.02


@pytest.mark.parametrize("cond", [None, "mel"])
def test_diffwave_rounds_its_products_alone(cond):
    torch.manual_seed(0)
    options = {} if cond is None else dict(n_mels=5, hop_length=15)
    network = DiffWaveNetwork(channels=16, layers=6, dilation_cycle=3, **options)
    torch.nn.init.normal_(network.out_proj.weight, std=0.5)
    x_t, t = torch.randn(2, 1, 300), torch.tensor([1.0, 42.9])
    mel = None if cond is None else torch.randn(2, 5, 20)
    tiled = TiledNetwork(network, 40)
    exact = tiled(x_t, t, mel)
    with torch.autocast("cpu", torch.bfloat16):
        half = tiled(x_t, t, mel)
    assert half.dtype == torch.float32
    assert 1e-4 < relative(half, exact) < 0.02


def test_types_by_name(files):
    assert (
        get_parser().parse_args("--output_dir x --dtype bfloat16".split()).dtype
        == "bfloat16"
    )
    with pytest.raises(UserError, match="bfloat16, float16, float32, float64"):
        Text2Speech(*files, dtype="int8")
    double = Text2Speech(*files, dtype="float64")(TEXT, seed=1)["feat_gen"]
    assert double.dtype == torch.float64


def test_a_model_that_stays_in_float32_says_so(files, caplog, monkeypatch):
    monkeypatch.setattr(ProDiff, "half_devices", ("cuda",))
    exact, same = Text2Speech(*files), Text2Speech(*files, dtype="bfloat16")
    assert "ProDiff stays in float32: no bfloat16 on a cpu" in caplog.text
    wavs = [model(TEXT, seed=1)["wav"] for model in (exact, same)]
    assert torch.equal(*wavs)
