"""Speed, pitch, energy and volume: what enters the network, and what comes out."""

import math

import numpy as np
import pytest
import torch

from espnet_prodiff.common.durations import durations_from_log
from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.tiny_models import write_model

TEXT = "hello there, you."
DIO = dict(fs=22050, n_fft=1024, hop_length=256, f0max=400, f0min=80)
WAVEGRAD2 = dict(
    embed_dim=8,
    encoder_channels=8,
    encoder_conv_layers=1,
    predictor_channels=8,
    decoder_channels=(8, 8, 8, 4, 4),
    decoder_pre_channels=8,
    decoder_in_channels=4,
    window_frames=5,
    diffusion_steps=8,
    num_steps=1,
)


def statistics(folder, name, mean, std):
    path = folder / f"{name}_stats.npz"
    square = np.array([2 * (mean**2 + std**2)])
    np.savez(path, count=2, sum=np.array([2 * mean]), sum_square=square)
    return {f"{name}_normalize": "global_mvn"} | {
        f"{name}_normalize_conf": {"stats_file": str(path)}
    }


def load(folder, mean=5.0, std=0.2, use_log_f0=True, tts="prodiff"):
    options = statistics(folder, "pitch", mean, std)
    options |= statistics(folder, "energy", 18.0, 13.0)
    options["pitch_extract_conf"] = {**DIO, "use_log_f0": use_log_f0}
    # Embeddings that look at their neighbours, so that padding could do harm.
    conf = dict(pitch_embed_kernel_size=3, energy_embed_kernel_size=3)
    return Text2Speech(*write_model(folder, tts, tts_conf=conf, **options))


@pytest.fixture(scope="module")
def prodiff(tmp_path_factory):
    return load(tmp_path_factory.mktemp("prodiff"))


@pytest.fixture(scope="module")
def fastspeech2(tmp_path_factory):
    return load(tmp_path_factory.mktemp("fastspeech2"), tts="fastspeech2")


def of_network(text2speech, text, name, **options):
    """What the embedding of pitch or energy is given, in the extractor's unit."""
    seen = []
    embed = getattr(text2speech.tts, f"{name}_embed")
    hook = embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    text2speech(text, seed=0, **options)
    hook.remove()
    normalize = getattr(text2speech.model, f"{name}_normalize")
    return normalize.inverse(seen[0].transpose(1, 2).clone())[0][0, :, 0]


@pytest.mark.parametrize("name", ["prodiff", "fastspeech2"])
def test_semitones_are_added_to_log_f0_and_unvoiced_tokens_stay(name, request):
    text2speech = request.getfixturevalue(name)
    weight = text2speech.tts.pitch_predictor.linear.weight
    weight.data *= 20  # some tokens near 0: unvoiced
    plain, higher = (of_network(text2speech, TEXT, "pitch", pitch=p) for p in (0, 2))
    weight.data /= 20
    voiced = plain > math.log(80) / 2
    assert 3 < voiced.sum() < len(plain)
    shift = torch.where(voiced, 2 * math.log(2) / 12, 0.0)
    torch.testing.assert_close(higher - plain, shift, atol=1e-4, rtol=0)


def test_a_model_of_f0_in_hz(tmp_path):
    text2speech = load(tmp_path, mean=120.0, std=30.0, use_log_f0=False)
    plain, lower = (of_network(text2speech, TEXT, "pitch", pitch=p) for p in (0, -12))
    torch.testing.assert_close(lower, plain / 2)


def test_decibels_scale_energies_and_silence_stays(prodiff):
    plain, louder = (of_network(prodiff, TEXT, "energy", energy=e) for e in (0, 6))
    assert 0 < (plain < 0).sum() < len(plain) / 2
    scaled = torch.where(plain > 0, plain * 10**0.3, plain)
    torch.testing.assert_close(louder, scaled, atol=1e-4, rtol=0)


def test_a_batch_is_its_utterances_and_nothing_stays_behind(prodiff):
    before = prodiff("hi", seed=1)["feat_gen"]
    options = dict(speed=1.3, pitch=3, energy=4, volume=0.3, seed=1)
    for text, out in zip(
        ["hi", TEXT], prodiff.batch(["hi", TEXT], **options), strict=True
    ):
        alone = prodiff(text, **options)
        for key in ("pitch", "energy", "feat_gen", "wav"):
            torch.testing.assert_close(out[key], alone[key], atol=1e-4, rtol=0)
    assert torch.equal(prodiff("hi", seed=1)["feat_gen"], before)


def test_an_utterance_is_as_long_as_its_speed_says():
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 12, (3, 40), generator=generator)
    lengths = torch.tensor([40, 30, 7])
    frames *= torch.arange(40) < lengths[:, None]
    for speed in (0.5, 0.8, 1.25, 1.5, 2.0, 3.0):
        spoken = durations_from_log(torch.log1p(frames.float()), lengths, speed=speed)
        assert ((spoken.sum(1) - frames.sum(1) / speed).abs() <= 0.5).all()
        ends, wanted = spoken.cumsum(1), frames.cumsum(1) / speed
        assert ((ends - wanted).abs() <= 0.5).all()  # of every token, too
        assert (spoken >= 0).all()


def test_speed_reaches_every_model_with_durations(prodiff, fastspeech2):
    for text2speech in (prodiff, fastspeech2):
        frames = len(text2speech(TEXT, seed=0)["feat_gen"])
        slow = text2speech(TEXT, speed=0.5, seed=0)
        both = text2speech(TEXT, alpha=3.0, speed=3.0, seed=0)
        assert len(slow["feat_gen"]) == 2 * frames == 2 * len(both["feat_gen"])
        assert slow["phones"][-1].end == pytest.approx(2 * frames * 256 / 22050)


def test_wavegrad2_has_a_speed_and_no_pitch(tmp_path):
    options = dict(tts_conf=WAVEGRAD2, pitch_extract=None, energy_extract=None)
    files = write_model(tmp_path, "wavegrad2", **options)
    slow = Text2Speech(*files, speed=0.5)
    torch.nn.init.constant_(slow.tts.resampling.duration_predictor.projection.bias, 1.6)
    frames = slow("hi", speed=1.0, seed=0)["duration"].sum()
    assert len(slow("hi", seed=0)["wav"]) == 2 * frames * 256
    for option in ("pitch", "energy"):
        with pytest.raises(
            InputError, match=f"{option} cannot be set: WaveGrad2 has no"
        ):
            slow("hi", **{option: 2})
        slow.options(**{option: 0.0})  # as trained


def test_volume_is_a_factor_on_the_wave(prodiff):
    wav = prodiff(TEXT, seed=0)["wav"]
    half = prodiff(TEXT, seed=0, volume=0.5)["wav"]
    torch.testing.assert_close(half, wav / 2)
    loud = prodiff(TEXT, seed=0, volume=100)["wav"]
    torch.testing.assert_close(loud, (100 * wav).clamp(-1, 1))
    assert loud.abs().max() == 1


def test_phones_are_said_where_the_durations_put_them(prodiff):
    out = prodiff("hi you", speed=0.7, seed=0)
    tokens = ["h", "i", "<space>", "y", "o", "u", "<sos/eos>"]
    assert [phone.token for phone in out["phones"]] == tokens
    ends = out["duration"].cumsum(0) * 256 / 22050
    assert [p.end for p in out["phones"]] == pytest.approx(ends.tolist(), abs=1e-6)
    assert [p.start for p in out["phones"]] == [0.0] + [p.end for p in out["phones"]][
        :-1
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 0}, r"speed is 0, expected a number from 0\.1 to 10"),
        ({"speed": "fast"}, "speed is 'fast'"),
        ({"pitch": 25}, "pitch is 25, expected a number of semitones from -24 to 24"),
        ({"pitch": float("nan")}, "pitch is nan"),
        ({"energy": True}, "energy is True, expected a number of dB"),
        ({"volume": -1}, "volume is -1, expected a factor"),
        ({"pitch": 1, "use_teacher_forcing": True}, "pitch cannot be set with use_tea"),
    ],
)
def test_out_of_range(prodiff, options, message):
    with pytest.raises(InputError, match=message):
        prodiff.options(**options)
