"""ESPnet's own classes read a stranger's model without running it."""

import os

import pytest
import torch
from espnet2.bin.tts_inference import Text2Speech as ESPnetText2Speech

from espnet_prodiff.errors import CheckpointError
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
