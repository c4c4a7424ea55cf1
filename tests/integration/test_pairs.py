"""Files that do not belong together: meanings are compared, not shapes alone."""

import pickle
import shutil

import numpy as np
import pytest
import yaml

from espnet_prodiff.errors import CheckpointError, ConfigError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.conftest import TEACHER
from tests.integration.corpus import train
from tests.integration.tiny_models import write_model

CHANGES = {
    "tokens": lambda config: config["token_list"].__setitem__(slice(3, 5), ["b", "a"]),
    "tts_conf diffusion_beta": lambda c: c["tts_conf"].update(diffusion_beta=30.0),
    "tts_conf prediction_type": lambda c: c["tts_conf"].update(prediction_type="v"),
    "feats_extract_conf fmax": lambda c: c["feats_extract_conf"].update(fmax=8000),
    "normalize statistics": lambda c: _other_statistics(c["normalize_conf"]),
}


def _other_statistics(conf):
    with np.load(conf["stats_file"]) as stats:
        arrays = dict(stats)
    arrays["sum"] = arrays["sum"] + 25.0
    conf["stats_file"] = conf["stats_file"].replace("feats", "other")
    np.savez(conf["stats_file"], **arrays)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("name", CHANGES)
def test_weights_under_another_config_are_refused(name, model, tmp_path):
    """The shapes are the same in all of them."""
    config, weights = model
    changed = yaml.safe_load(config.read_text())
    CHANGES[name](changed)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(CheckpointError, match=f"another config:\n  {name}: .*weights"):
        Text2Speech(tmp_path / "config.yaml", weights)


def test_weights_under_their_own_config_elsewhere_are_taken(model, tmp_path):
    config, weights = model
    changed = yaml.safe_load(config.read_text())
    changed["tts_conf"]["num_steps"] = 2
    stats = changed["normalize_conf"]["stats_file"]
    changed["normalize_conf"]["stats_file"] = shutil.copy(stats, tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed))
    assert Text2Speech(tmp_path / "config.yaml", weights).fs == 22050
    states = load_weights(weights)
    del states._metadata  # as in files of earlier versions
    assert all(key.count("meaning") == 0 for key in states)


def test_a_model_goes_to_another_process_with_its_meaning(model):
    first = Text2Speech(*model).model
    second = pickle.loads(pickle.dumps(first))
    assert second.state_dict()._metadata["tts"] == first.state_dict()._metadata["tts"]
    second.load_state_dict(first.state_dict())
    second.state_dict()._metadata["tts"]["espnet_prodiff"]["tokens"] = "others"
    with pytest.raises(CheckpointError, match="tokens: others .weights"):
        first.load_state_dict(second.state_dict())


@pytest.fixture
def tokens(corpus, tmp_path):
    lines = (corpus / "tokens.txt").read_text().split("\n")
    lines[3:5] = ["b", "a"]
    (tmp_path / "tokens.txt").write_text("\n".join(lines))
    return str(tmp_path / "tokens.txt")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--token_list", "tokens"], "token_list: "),
        (["--feats_extract_conf", "fmax=8000"], "feats_extract_conf fmax: "),
        (["--cleaner", "tacotron"], "cleaner: "),
    ],
)
def test_other_data_are_refused_in_a_student_and_at_a_resume(
    option, message, corpus, teacher, tokens, tmp_path
):
    words = [tokens if word == "tokens" else word for word in option]
    best = str(teacher / "valid.loss.best.pth")
    with pytest.raises(ConfigError, match=f"the teacher .*\n  {message}"):
        train(corpus, TEACHER, tmp_path / "exp", "--teacher_model_file", best, *words)
    with pytest.raises(ConfigError, match=f"{message}.*Nothing was touched"):
        train(corpus, TEACHER, teacher, *words)


def test_a_student_does_not_go_on_without_its_teacher(corpus, teacher_copy):
    (teacher_copy / "teacher.yaml").write_text("teacher_num_steps: 4\n")
    with pytest.raises(ConfigError, match="holds a student .*no teacher_model_file"):
        train(corpus, TEACHER, teacher_copy)
