"""A fourth model of 60 lines has what the contract promises, through the stages."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml
from espnet2.tasks.tts import tts_choices

from espnet_prodiff.bin import distill
from espnet_prodiff.bin.tts_inference import Text2Speech
from espnet_prodiff.bin.tts_inference import main as decode
from espnet_prodiff.training import registry
from tests.integration.corpus import read_config, train

EXAMPLE = Path("examples/toy_model.py")
CONFIG = {
    "tts": "toy",
    "optim": "adam",
    "optim_conf": {"lr": 1.0e-2},
    "ema_decay": 0.9,
    "num_iters_per_epoch": 8,
    "max_epoch": 2,
    "batch_type": "sorted",
    "batch_size": 3,
    "num_workers": 0,
    "keep_nbest_models": 1,
    "num_att_plot": 0,
    "best_model_criterion": [["valid", "loss", "min"]],
}


@pytest.fixture(scope="module")
def registered():
    spec = importlib.util.spec_from_file_location("toy_model", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    registry.CLASSES["toy"] = module.ToyTTS
    registry.register()
    yield module.ToyTTS
    del registry.CLASSES["toy"], tts_choices.classes["toy"]


@pytest.fixture(scope="module")
def toy(corpus, registered):
    config = corpus / "toy.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    return train(corpus, str(config), corpus / "exp" / "tts_toy")


def test_it_is_short():
    text = EXAMPLE.read_text()
    assert len(text[text.index("class Network") :].splitlines()) < 60


def test_it_trains_and_resumes(corpus, toy):
    assert read_config(toy)["tts_conf"]["espnet_prodiff"] == 2
    more = train(corpus, f"{corpus}/toy.yaml", toy, "--max_epoch", "3")
    weights = torch.load(more / "3epoch.pth", weights_only=True)
    assert all(weight.isfinite().all() for weight in weights.values())


def test_it_speaks_through_stage_8(corpus, toy, tmp_path):
    decode(
        ["--model_file", f"{toy}/valid.loss.best.pth", "--output_dir", f"{tmp_path}"]
        + ["--data_path_and_name_and_type", f"{corpus}/text,text,text"]
        + ["--num_steps", "4", "--num_workers", "0"]
    )
    for utt in ("u0", "u5"):
        wav, fs = sf.read(tmp_path / "wav" / f"{utt}.wav")
        assert fs == 16000 and len(wav) > 0
        mel = np.load(tmp_path / "norm" / f"{utt}.npy")
        assert mel.shape[1] == 20 and np.isfinite(mel).all()


def test_steps_seeds_solvers_and_batches(toy):
    text2speech = Text2Speech(model_file=toy / "valid.loss.best.pth")
    assert text2speech.tts.num_steps == 8  # the contract's default
    alone = text2speech("bad cab", num_steps=3, seed=1, solver="dpmsolver++")
    pair = text2speech.batch(
        ["dad", "bad cab"], num_steps=3, seed=1, solver="dpmsolver++"
    )
    torch.testing.assert_close(alone["feat_gen"], pair[1]["feat_gen"])
    times = []
    text2speech("dad", schedule=[16, 2], callback=lambda s: times.append(s["t"]))
    assert times == [16, 2]


@pytest.mark.parametrize("method", ["progressive", "consistency"])
def test_it_is_distilled(corpus, toy, tmp_path, phases_here, method):
    config = tmp_path / "distill.yaml"
    options = {**CONFIG, "max_epoch": 1, "distill_method": method}
    config.write_text(yaml.safe_dump(options))
    distill.main(
        ["--teacher_model_file", f"{toy}/valid.loss.best.pth", "--config", f"{config}"]
        + ["--teacher_num_steps", "4", "--num_steps", "1"]
        + ["--output_prefix", f"{tmp_path}/toy"]
    )
    student = Text2Speech(model_file=tmp_path / "toy_steps1" / "valid.loss.best.pth")
    teacher = Text2Speech(model_file=toy / "valid.loss.best.pth")
    assert student.tts.is_student and student.tts.times().tolist() == [16, 0]
    before, after = teacher.tts.state_dict(), student.tts.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith("denoiser.") for name in changed)


def test_weights_of_another_model_are_refused(toy, teacher):
    with pytest.raises(ValueError, match="not of this ToyTTS"):
        Text2Speech(toy / "config.yaml", teacher / "valid.loss.best.pth")
