"""Text2Speech: options, batches, seeds, bad input; ESPnet's own class beside it."""

import inspect

import numpy as np
import pytest
import torch
import yaml
from espnet2.bin.tts_inference import Text2Speech as ESPnetText2Speech

from espnet_prodiff.errors import (
    CheckpointError,
    ConfigError,
    InputError,
)
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.tiny_models import write_model

TEXTS = ["hello there.", "hi", "a longer one, with a comma."]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("prodiff"))


@pytest.fixture(scope="module")
def text2speech(files):
    return Text2Speech(*files)


@pytest.fixture(scope="module")
def fastspeech2(tmp_path_factory):
    files = write_model(tmp_path_factory.mktemp("fastspeech2"), "fastspeech2")
    return Text2Speech(*files)


@pytest.fixture(scope="module")
def many_voices(tmp_path_factory):
    conf = dict(spks=3, langs=2, spk_embed_dim=4, spk_embed_integration_type="add")
    files = write_model(tmp_path_factory.mktemp("voices"), tts_conf=conf)
    return Text2Speech(*files)


def assert_same(mine, other, atol=1e-4):
    assert set(mine) == set(other)
    assert mine.get("phones") == other.get("phones")
    for key in mine.keys() - {"phones"}:
        torch.testing.assert_close(mine[key], other[key], atol=atol, rtol=0)


def test_a_call_gives_wave_mels_and_durations(text2speech):
    out = text2speech(TEXTS[0], seed=1)
    frames = int(out["duration"].sum())
    assert len(out["duration"]) == len(TEXTS[0]) + 1
    assert out["feat_gen"].shape == out["feat_gen_denorm"].shape == (frames, 80)
    expected = text2speech.normalize.inverse(out["feat_gen"].clone()[None])[0][0]
    torch.testing.assert_close(out["feat_gen_denorm"], expected)
    assert out["wav"].shape == ((frames - 1) * 256,) and out["wav"].isfinite().all()
    assert text2speech.fs == 22050


def test_every_argument_of_espnets_class_is_there():
    espnet = inspect.signature(ESPnetText2Speech.__init__).parameters
    mine = inspect.signature(Text2Speech.__init__).parameters
    assert [(n, p.default) for n, p in espnet.items()] == [
        (n, p.default) for n, p in list(mine.items())[: len(espnet)]
    ]
    calls = inspect.signature(ESPnetText2Speech.__call__).parameters
    assert (
        list(calls)
        == list(inspect.signature(Text2Speech.__call__).parameters)[: len(calls)]
    )


def test_a_batch_is_its_utterances(text2speech):
    together = text2speech.batch(TEXTS, num_steps=2, seed=4, alpha=1.3)
    for text, out in zip(TEXTS, together, strict=True):
        assert_same(out, text2speech(text, num_steps=2, seed=4, alpha=1.3))


def test_lists_of_a_batch_are_as_long_as_its_texts(text2speech):
    with pytest.raises(InputError, match="1 sids were given for 3 texts"):
        text2speech.batch(TEXTS, sids=[1])


def test_a_batch_of_a_model_without_batches(fastspeech2):
    for text, out in zip(TEXTS, fastspeech2.batch(TEXTS), strict=True):
        assert_same(out, fastspeech2(text))


def test_options_reach_the_model_by_every_road(text2speech, files, monkeypatch):
    seen = []
    plain = type(text2speech.tts).inference

    def spy(self, text, **options):
        seen.append(options)
        return plain(self, text, **options)

    monkeypatch.setattr(type(text2speech.tts), "inference", spy)
    changes = {"num_steps": 2, "solver": "dpmsolver++", "temperature": 0.7}
    text2speech("hi", **changes, alpha=1.5, seed=3)
    text2speech("hi", decode_conf={**changes, "alpha": 1.5, "seed": 3})
    Text2Speech(
        *files, **changes, speed_control_alpha=1.5, seed=3, always_fix_seed=True
    )("hi")
    for options in seen:
        assert options == {
            **changes,
            "alpha": 1.5,
            "seed": 3,
            "use_teacher_forcing": False,
        }
    seen.clear()
    text2speech("hi")
    assert seen == [{"alpha": 1.0, "use_teacher_forcing": False}]


def test_num_steps_is_the_number_of_network_evaluations(text2speech):
    calls = []
    hook = text2speech.tts.denoiser.network.register_forward_hook(
        lambda *_: calls.append(1)
    )
    for steps in (1, 2, 4):
        calls.clear()
        text2speech("hi", num_steps=steps)
        assert len(calls) == steps
    hook.remove()


def test_alpha_stretches_and_seeds_repeat(text2speech, files):
    slow, fast = (
        text2speech("hello there.", alpha=2.0),
        text2speech("hello there.", alpha=0.5),
    )
    assert 3 < slow["duration"].sum() / fast["duration"].sum() < 5
    one, same, other = (text2speech("hi", seed=s)["feat_gen"] for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not torch.equal(text2speech("hi")["feat_gen"], text2speech("hi")["feat_gen"])
    fixed = Text2Speech(*files, seed=1, always_fix_seed=True)
    assert torch.equal(fixed("hi")["feat_gen"], one)
    assert torch.equal(fixed("hi", seed=2)["feat_gen"], other)


def test_a_seed_leaves_the_global_noise_alone(fastspeech2):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    fastspeech2("hi", seed=5)
    assert torch.equal(torch.rand(3), expected)


def test_teacher_forcing_takes_the_durations(text2speech):
    torch.manual_seed(0)
    speech = torch.randn(256 * 20) * 0.1
    durations = torch.tensor([7, 9, 5])
    inputs = dict(speech=speech, durations=durations)
    out = text2speech("hi", **inputs, use_teacher_forcing=True, seed=0)
    assert torch.equal(out["duration"], durations)
    assert out["feat_gen"].shape == (21, 80)
    lists = {key: [value, value] for key, value in inputs.items()}
    both = text2speech.batch(["hi", "yo"], **lists, use_teacher_forcing=True, seed=0)
    assert_same(both[0], out)
    with pytest.raises(InputError, match="speech is missing"):
        text2speech("hi", use_teacher_forcing=True)
    with pytest.raises(InputError, match="2 durations were given, expected 3"):
        text2speech("hi", use_teacher_forcing=True, **inputs | {"durations": [3, 4]})
    with pytest.raises(InputError, match="durations are missing"):
        text2speech("hi", speech=speech, use_teacher_forcing=True)


def test_style_from_speech(tmp_path):
    conf = dict(use_gst=True, gst_tokens=3, gst_heads=2, gst_conv_layers=2)
    conf |= dict(gst_conv_chans_list=(4, 4), gst_gru_layers=1, gst_gru_units=8)
    text2speech = Text2Speech(*write_model(tmp_path, tts_conf={**conf}))
    torch.manual_seed(0)
    waves = [torch.randn(256 * 40) * 0.1, torch.randn(256 * 30) * 0.3]
    for i, out in enumerate(text2speech.batch(["hi", "hello"], speech=waves, seed=1)):
        assert_same(out, text2speech(["hi", "hello"][i], speech=waves[i], seed=1))
    with pytest.raises(InputError, match="speech is missing.*GST"):
        text2speech("hi")


def test_speakers_languages_and_embeddings(many_voices):
    who = dict(sids=2, lids=1, spembs=torch.ones(4))
    out = many_voices("hi", **who, seed=0)
    as_arrays = dict(sids=np.array([2]), lids=np.array([1]), spembs=np.ones(4))
    assert_same(many_voices("hi", **as_arrays, seed=0), out)
    other = many_voices("hi", **{**who, "sids": 1}, seed=0)
    many_voices.train_args.speakers = {"ann": 1, "bob": 2}
    named = many_voices("hi", **{**who, "sids": "bob"}, seed=0)
    assert torch.equal(named["wav"], many_voices("hi", **who, seed=0)["wav"])
    with pytest.raises(InputError, match="no speaker 'cid': .* knows ann, bob"):
        many_voices("hi", **{**who, "sids": "cid"})
    assert other["pitch"].ne(out["pitch"]).any()
    lists = {key: [value] * 2 for key, value in who.items()}
    assert_same(many_voices.batch(["hello", "hi"], **lists, seed=0)[1], out)
    for change, message in [
        (
            {"sids": None},
            "sids is missing: this model has 3 speakers, pass sids = 0 to",
        ),
        ({"sids": 3}, r"sids is \[3\], expected one speaker id from 0 to 2"),
        ({"sids": -1}, "expected one speaker id"),
        ({"lids": None}, "lids is missing: this model has 2 languages"),
        ({"spembs": None}, "spembs is missing.*a row of 4"),
        ({"spembs": torch.ones(5)}, r"spembs is of shape \(5,\)"),
        ({"spembs": "ann"}, "spembs is a str"),
    ]:
        with pytest.raises(InputError, match=message):
            many_voices("hi", **{**who, **change})


def test_speed_control_alpha_is_alpha(text2speech):
    slow = text2speech("hello", speed_control_alpha=1.5, seed=0)
    assert_same(slow, text2speech("hello", alpha=1.5, seed=0), atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_steps": 0}, "num_steps must be between 1 and 4"),
        ({"num_steps": 5}, "num_steps must be between 1 and 4"),
        ({"num_steps": 1.5}, "num_steps"),
        ({"alpha": 0}, "alpha is 0, expected a number > 0"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": "slow"}, "alpha is 'slow', expected a number"),
        ({"eta": 2}, "eta is 2, expected 0 to 1"),
        ({"temperature": -1}, "temperature"),
        ({"solver": "euler"}, "solver is 'euler', expected one of ddim"),
        ({"eta": 0.5, "solver": "dpmsolver++"}, r"0 with dpmsolver\+\+"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"steps": 2}, "ProDiff has no decoding option steps; it has alpha"),
    ],
)
def test_options_out_of_range(text2speech, options, message):
    with pytest.raises(InputError, match=message):
        text2speech("hi", **options)
    with pytest.raises(InputError, match=message):
        text2speech.batch(["hi", "ho"], **options)


def test_options_of_another_model(fastspeech2, tmp_path):
    with pytest.raises(InputError, match="FastSpeech2 has no decoding option num_st"):
        fastspeech2("hi", num_steps=2)


def test_missing_and_foreign_files(files, tmp_path):
    config, model = files
    with pytest.raises(FileNotFoundError, match="no model_file was given"):
        Text2Speech(config)
    with pytest.raises(FileNotFoundError, match=r"x\.pth does not exist: train it"):
        Text2Speech(config, tmp_path / "x.pth")
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml does not exist"):
        Text2Speech(tmp_path / "nothing.yaml", model)

    def changed(**changes):
        options = {**yaml.safe_load(config.read_text()), **changes}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(options))
        return tmp_path / "config.yaml", model

    with pytest.raises(ConfigError, match="lacks token_list"):
        Text2Speech(*changed(token_list=None))
    with pytest.raises(
        FileNotFoundError, match=r"statistics gone\.npz .*normalize_conf"
    ):
        Text2Speech(*changed(normalize_conf={"stats_file": "gone.npz"}))
    (tmp_path / "config.yaml").write_text("tts: !!python/name:os.system")
    with pytest.raises(ConfigError, match="not plain yaml"):
        Text2Speech(tmp_path / "config.yaml", model)
    half = tmp_path / "half.pth"
    half.write_bytes(model.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"half\.pth is cut off"):
        Text2Speech(config, half)
    states = torch.load(model)
    states.pop(next(k for k in states if "denoiser" in k))
    torch.save(states, half)
    with pytest.raises(CheckpointError, match=r"half\.pth.* missing, denoiser\."):
        Text2Speech(config, half)


def test_config_beside_the_model_is_the_default(files, text2speech):
    other = Text2Speech(model_file=files[1])
    assert torch.equal(other("hi", seed=0)["wav"], text2speech("hi", seed=0)["wav"])


def test_espnets_own_class_gives_the_same(files, text2speech):
    theirs = ESPnetText2Speech(*files)
    mine = text2speech("hello there.", seed=3)
    out = theirs("hello there.", decode_conf={"seed": 3})
    for key in ("feat_gen", "feat_gen_denorm", "duration"):
        torch.testing.assert_close(out[key], mine[key])
    assert "alpha" in theirs.decode_conf
