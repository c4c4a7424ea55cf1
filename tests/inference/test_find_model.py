"""One name for whatever a model is."""

import shutil

import pytest

from espnet_prodiff.errors import ArchiveError, InputError
from espnet_prodiff.inference import find_model as module
from espnet_prodiff.inference.find_model import find_model


def test_weights_and_folders(tmp_path):
    (tmp_path / "latest.pth").touch()
    assert find_model(tmp_path) == {"model_file": str(tmp_path / "latest.pth")}
    (tmp_path / "valid.loss.best.pth").touch()
    best = {"model_file": str(tmp_path / "valid.loss.best.pth")}
    assert find_model(str(tmp_path)) == find_model(best["model_file"]) == best


def test_a_voice_is_the_default(tmp_path, monkeypatch):
    for name in ("ann", "bob"):
        (tmp_path / f"{name}.zip").touch()
    monkeypatch.setattr(module, "fetch_model", lambda model, cachedir: {"is": model})
    found = find_model(None, voices=tmp_path)
    assert found == {"is": str(tmp_path / "ann.zip")}
    (tmp_path / "slt.zip").touch()
    assert find_model(None, voices=tmp_path) == {"is": str(tmp_path / "slt.zip")}
    assert find_model("user/name") == {"is": "user/name"}
    shutil.rmtree(tmp_path)
    with pytest.raises(InputError, match="holds no voice: say which.*--model"):
        find_model(None, voices=tmp_path)


def test_a_voice_is_found_beside_a_folder_of_its_name(tmp_path, monkeypatch):
    """As ``export slt --onnx slt`` makes it."""
    monkeypatch.chdir(tmp_path)
    voice = find_model("slt")
    folder = tmp_path / "slt"
    folder.mkdir()
    assert find_model("slt") == voice
    (folder / "latest.pth").touch()
    assert find_model("slt") == voice
    assert find_model("./slt") == {"model_file": "slt/latest.pth"}


def test_what_is_no_model(tmp_path):
    (tmp_path / "voice.json").touch()
    with pytest.raises(InputError, match="is an exported voice: espnet_prodiff.runt"):
        find_model(tmp_path)
    (tmp_path / "voice.json").unlink()
    with pytest.raises(
        InputError, match="holds no model: expected valid.loss.best.pth"
    ):
        find_model(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"x\.pth does not exist"):
        find_model(tmp_path / "x.pth")
    with pytest.raises(ArchiveError, match="'nobody' is no file, no voice"):
        find_model("nobody", tmp_path)
