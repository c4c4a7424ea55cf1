"""Packed models: unpacked once, found again, damaged and foreign ones refused."""

import os
from pathlib import Path

import pytest
import yaml

from espnet_prodiff.errors import ArchiveError
from espnet_prodiff.inference.archive import (
    check_archive,
    default_cachedir,
    fetch_model,
)
from tests.integration.packed_models import META, pack


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "home" / "cache"


@pytest.mark.parametrize("name", ["m.zip", "m.tar.gz", "m.tgz"])
def test_a_packed_model_is_unpacked_and_its_config_points_there(name, tmp_path, cache):
    model = fetch_model(str(pack(tmp_path / name)), cache)
    assert set(model) == {"train_config", "model_file"}
    with open(model["model_file"]) as f:
        assert f.read() == "weights"
    with open(model["train_config"]) as f:
        config = yaml.safe_load(f)
    stats = config["normalize_conf"]["stats_file"]
    assert stats.startswith(str(cache)) and open(stats).read() == "stats"
    assert config["tts"] == "prodiff"
    assert fetch_model(str(tmp_path / name), cache) == model


def test_a_new_pack_under_the_same_name_is_not_stale(tmp_path, cache):
    path = pack(tmp_path / "m.zip")
    old = fetch_model(path, cache)
    other = {**META, "timestamp": 2.0}
    new = fetch_model(pack(path, meta=other), cache)
    assert new["model_file"] != old["model_file"]


def test_a_killed_unpacking_is_done_again(tmp_path, cache):
    path = pack(tmp_path / "m.zip")
    model = fetch_model(path, cache)
    weights = Path(model["model_file"]).resolve()
    folder = cache / "unpacked" / weights.relative_to(cache / "unpacked").parts[0]
    half = folder.with_suffix(".half")
    os.rename(folder, half)
    (half / "exp/1epoch.pth").write_text("wei")
    assert open(fetch_model(path, cache)["model_file"]).read() == "weights"


def test_a_cache_that_lost_a_file_or_cannot_be_written(tmp_path, cache, monkeypatch):
    path = pack(tmp_path / "m.zip")
    model = fetch_model(path, cache)
    os.remove(model["model_file"])
    assert open(fetch_model(path, cache)["model_file"]).read() == "weights"
    monkeypatch.setattr(os, "access", lambda *_: False)  # read-only
    assert fetch_model(path, cache) == model
    with pytest.raises(ArchiveError, match="cannot|nothing can be written.*XDG_CACHE"):
        fetch_model(path, tmp_path / "other")
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="nothing can be written"):
        fetch_model(path, tmp_path / "file")


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
def test_damaged_archives(kept, tmp_path, cache):
    path = pack(tmp_path / "m.zip")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ArchiveError, match=r"m\.zip is damaged"):
        fetch_model(path, cache)
    path = pack(tmp_path / "m.tar.gz")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ArchiveError, match=r"m\.tar\.gz is damaged"):
        fetch_model(path, cache)


def test_a_flipped_byte_is_found(tmp_path, cache):
    path = pack(tmp_path / "m.zip", [("exp/long", "".join(map(str, range(3000))))])
    content = bytearray(path.read_bytes())
    content[content.index(b"exp/long") + 200] ^= 255
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"m\.zip is damaged"):
        fetch_model(path, cache)
    assert not list(cache.rglob("*.pth"))


def test_tags_of_no_model(tmp_path, cache):
    with pytest.raises(FileNotFoundError, match=r"exp/model\.zip does not exist"):
        fetch_model("exp/model.zip", cache)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        fetch_model("/no/such/model.tar.gz", cache)
    for name in ("model", "/no/such/model", "a/b/c", "user/name@", "", "../x"):
        with pytest.raises(ArchiveError, match="is no file, no voice of the package"):
            fetch_model(name, cache)
    other = tmp_path / "model.rar"
    other.write_text("x")
    with pytest.raises(ArchiveError, match=r"model\.rar is of no known kind"):
        fetch_model(other, cache)
    with pytest.raises(ArchiveError, match="holds no meta.yaml"):
        check_archive(pack(tmp_path / "m.zip", suffix_meta="other.yaml"))


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cachedir() == tmp_path / "espnet_prodiff"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cachedir() == tmp_path / ".cache/espnet_prodiff"
