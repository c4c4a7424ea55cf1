"""Models built without ESPnet's task are those that the task builds."""

import argparse
import importlib
import subprocess
import sys

import pytest
import torch
import yaml

from espnet_prodiff.inference.direct import MODELS, build_directly, build_preprocessor
from espnet_prodiff.inference.loading import load_acoustic_model
from espnet_prodiff.training.registry import CLASSES
from espnet_prodiff.training.task import DiffusionTTSTask
from tests.integration.tiny_models import write_model

START = """
import sys
from espnet_prodiff import Text2Speech
text2speech = Text2Speech(model_file=sys.argv[1])
print(len(text2speech("hello there.", seed=0)["wav"]))
slow = "espnet2.tasks librosa.filters scipy numba pandas nltk matplotlib h5py inflect"
print([name for name in slow.split() if name in sys.modules])
"""


def test_a_start_imports_nothing_that_it_does_not_need(tmp_path):
    files = write_model(tmp_path)
    command = [sys.executable, "-W", "error::ImportWarning", "-c", START, str(files[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    samples, slow = done.stdout.splitlines()
    assert int(samples) > 1000 and slow == "[]" and done.stderr == ""


def test_the_models_are_those_of_the_registry():
    assert MODELS.keys() == CLASSES.keys()
    for key, name in MODELS.items():
        module, _, attribute = name.rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is CLASSES[key]


@pytest.mark.parametrize("tts", ["prodiff", "diffwave"])
def test_a_model_of_the_task(tmp_path, tts):
    options = {} if tts == "prodiff" else dict(pitch_extract=None, energy_extract=None)
    config, file = write_model(tmp_path, tts, **options)
    model, args = load_acoustic_model(config, file)
    other, other_args = DiffusionTTSTask.build_model_from_file(config, file)
    states, expected = model.state_dict(), other.state_dict()
    assert states.keys() == expected.keys()
    assert all(torch.equal(states[key], value) for key, value in expected.items())
    assert vars(args).items() <= vars(other_args).items()
    assert str(model.tts) == str(other.tts)
    speech = torch.randn(1, 5000, generator=torch.Generator().manual_seed(0)) / 10
    feats = model.feats_extract(speech)[0]
    assert torch.equal(feats, other.feats_extract(speech)[0])
    if tts == "prodiff":
        durations = torch.full((1, 4), feats.shape[1] // 4)
        inputs = (speech, None, durations.sum(1), durations)
        for name in ("pitch_extract", "energy_extract"):
            mine, theirs = (getattr(m, name)(*inputs)[0] for m in (model, other))
            assert torch.equal(mine, theirs)
        assert model.pitch_extract.f0min == 80 and model.pitch_extract.use_log_f0


def test_texts_become_the_ids_of_the_task(tmp_path):
    config, _ = write_model(tmp_path)
    args = argparse.Namespace(**yaml.safe_load(config.read_text()))
    for cleaner in (None, "tacotron"):
        args.cleaner = cleaner
        mine = build_preprocessor(args)
        theirs = DiffusionTTSTask.build_preprocess_fn(args, False)
        text = "dr. who's, there 2"
        ids = theirs("u", {"text": text})["text"]
        assert mine("u", {"text": text})["text"].tolist() == ids.tolist()
    args.use_preprocessor = False
    assert build_preprocessor(args) is None


@pytest.mark.parametrize(
    "change",
    [{"tts": "fastspeech2"}, {"odim": 80}, {"normalize": "utterance_mvn"}],
)
def test_what_only_the_task_can_build(tmp_path, change):
    config, _ = write_model(tmp_path)
    args = {**yaml.safe_load(config.read_text()), **change}
    assert build_directly(argparse.Namespace(**args)) is None
