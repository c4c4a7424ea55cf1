"""ESPnet's own classes read a stranger's model without running it."""

import os

import pytest
import torch
import yaml
from espnet2.bin.tts_inference import Text2Speech as ESPnetText2Speech

from espnet_prodiff.errors import CheckpointError, UserError
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.tiny_models import write_model


def test_espnets_own_class_runs_no_code_of_a_model_file(tmp_path):
    config, file = write_model(tmp_path / "evil", "fastspeech2")
    torch.save({**torch.load(file), "extra": _Touch(tmp_path / "ran")}, file)
    with pytest.raises(CheckpointError, match="could run code"):
        ESPnetText2Speech(config, file)
    assert not (tmp_path / "ran").exists()


class _Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("token_list", "/dev/zero"),
        ("token_list", [1, 2]),
        ("non_linguistic_symbols", "/dev/zero"),
        ("tts", 3),
        ("tts_conf", []),
        ("tts_conf", {"espnet_prodiff": 2, "adim": "wide"}),
        ("tts_conf", {"espnet_prodiff": 2, "diffusion_steps": -1}),
        ("feats_extract_conf", {"fs": 0}),
        ("feats_extract_conf", {"fs": "high"}),
        ("feats_extract_conf", {"n_fft": 0, "fs": 22050}),
        ("normalize_conf", {"stats_file": 3}),
        ("model_conf", {"x": 1}),
        ("token_type", 3),
        ("g2p", {}),
        ("cleaner", "no_such_cleaner"),
        ("use_preprocessor", None),  # taken out
        ("token_type", None),
        ("cleaner", None),
    ],
)
def test_a_config_with_a_wrong_value_is_one_error_that_names_it(
    key, value, model, tmp_path
):
    config, weights = model
    options = yaml.safe_load(config.read_text())
    taken_out = value is None
    options[key] = value
    if taken_out:
        del options[key]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(options))
    with pytest.raises((UserError, FileNotFoundError)) as error:
        Text2Speech(tmp_path / "config.yaml", weights)
    assert len(str(error.value)) < 2000
