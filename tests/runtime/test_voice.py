"""The runtime against torch: the demo voice, every option, every error."""

import math

import numpy as np
import pytest
import soundfile

from espnet_prodiff import Text2Speech
from espnet_prodiff.common.noise_numpy import Noise
from espnet_prodiff.errors import ConfigError, InputError, TextError
from espnet_prodiff.runtime import Voice

TEXTS = [
    "Hello there.",
    "Dr. Smith paid $5.50 on 2023-11-05, didn't he? The blimper zorkified!",
    "No.",
    'One; two.\n\nThree <break time="300ms"/> [[F AO1 R]] and five.',
]
MEL, RMS = 1e-4, 0.02


@pytest.fixture(scope="module")
def torch_voice(tmp_path_factory) -> Text2Speech:
    cache = tmp_path_factory.mktemp("cache")
    return Text2Speech.from_pretrained("slt", cachedir=cache)


@pytest.fixture(scope="module")
def voice(exported_slt) -> Voice:
    return Voice(exported_slt, threads=1)


def assert_alike(found, expected):
    """Outputs of the same sentences; see benchmarks/onnx_parity.py for 100 texts."""
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine["text"] == theirs["text"]
        assert mine["duration"].tolist() == theirs["duration"].tolist()
        mel = theirs["feat_gen"].numpy()
        assert np.abs(mine["feat_gen"] - mel).max() < MEL
        wav = theirs["wav"].numpy()
        assert mine["wav"].shape == wav.shape and mine["wav"].dtype == np.float32
        # A bin between two equal peaks may hang on the other one, which moves phases.
        error = np.sqrt(np.mean((mine["wav"] - wav) ** 2) / np.mean(wav**2))
        assert error < RMS
        for one, other in zip(mine["phones"], theirs["phones"], strict=True):
            assert one.token == other.token
            assert math.isclose(one.end, other.end, abs_tol=1e-9)


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_texts_sound_as_in_torch(voice, torch_voice, num_steps):
    for seed, text in enumerate(TEXTS):
        options = dict(num_steps=num_steps, seed=seed)
        found = list(voice.stream(text, **options))
        assert_alike(found, list(torch_voice.stream(text, **options)))


@pytest.mark.parametrize(
    "options",
    [
        dict(speed=1.37),
        dict(alpha=1.2, volume=0.3),
        dict(pitch=3.0, energy=-6.0),
        dict(num_steps=3, eta=0.7, temperature=0.8),
        dict(num_steps=5, solver="dpmsolver++"),
    ],
)
def test_options_mean_what_they_mean_in_torch(voice, torch_voice, options):
    text = "A quick brown fox, maybe."
    expected = list(torch_voice.stream(text, seed=2**40 + 7, **options))
    assert_alike(list(voice.stream(text, seed=2**40 + 7, **options)), expected)


def test_a_wave_is_its_sentences_with_their_pauses(voice, tmp_path):
    parts = [out["wav"] for out in voice.stream("One. Two.", seed=3)]
    whole = voice.say("One. Two.", seed=3)
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(parts) == 2 and not parts[0][-round(0.29 * voice.fs) :].any()
    voice.save(tmp_path / "one.flac", "One. Two.", seed=3)
    saved, fs = soundfile.read(tmp_path / "one.flac", dtype="float32")
    assert fs == 16000 and np.abs(saved - whole).max() < 2**-15


def test_steps_are_told_as_they_are_made(voice):
    steps = []
    mel = next(voice.stream("Yes.", num_steps=4, seed=0, callback=steps.append))
    assert [step["step"] for step in steps] == [0, 1, 2, 3]
    assert np.array_equal(steps[-1]["x_0"].T, mel["feat_gen"])
    assert np.array_equal(steps[0]["x_t"], Noise(0)(*steps[0]["x_t"].shape))
    assert np.array_equal(steps[1]["x_t"], steps[0]["x_s"])


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("", {}, TextError, "the text is empty"),
        ("\u6c34", {}, TextError, "CJK|Han"),
        ("a", dict(num_steps=0), InputError, "num_steps is 0, expected .* 1 to 64"),
        ("a", dict(num_steps=True), InputError, "num_steps is True"),
        ("a", dict(schedule=[5]), InputError, "no option schedule; it has alpha"),
        ("a", dict(speed=0), InputError, "speed is 0, expected a number from 0.1"),
        ("a", dict(alpha=-1), InputError, "alpha is -1"),
        ("a", dict(seed=-1), InputError, "seed is -1"),
        ("a", dict(solver="euler"), InputError, "solver is 'euler', expected one of"),
        ("a", dict(speaker="bob"), InputError, "no speaker 'bob'"),
        ("Fine. \u6c34.", {}, TextError, "sentence 2 of 2"),
        (f"[[{'AH0 ' * 2100}]]", {}, TextError, "2101 tokens, expected at most 1999"),
        ("a", dict(alpha=1e6), InputError, "expected at most 1000"),
    ],
)
def test_what_cannot_be_spoken_is_named(voice, text, options, error, message):
    with pytest.raises(error, match=message):
        voice.say(text, **options)


def test_folders_that_hold_no_voice(exported_slt, tmp_path):
    with pytest.raises(FileNotFoundError, match="it has no voice.json; write one with"):
        Voice(tmp_path)
    for content, message in (
        ('{"format": 99}', "of format 99, this version reads 1"),
        ("[]", "damaged"),
        ("{", "damaged"),
    ):
        (tmp_path / "voice.json").write_text(content)
        with pytest.raises(ConfigError, match=message):
            Voice(tmp_path)
    (tmp_path / "voice.json").write_text((exported_slt / "voice.json").read_text())
    with pytest.raises(ConfigError, match=r"encoder.onnx cannot be loaded"):
        Voice(tmp_path)
