"""Packed models: hostile, damaged and foreign archives are refused, nothing written."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from espnet_prodiff.errors import ArchiveError
from espnet_prodiff.inference.archive import (
    check_archive,
    default_cachedir,
    fetch_model,
)

META = {
    "files": {"model_file": "exp/1epoch.pth"},
    "yaml_files": {"train_config": "exp/config.yaml"},
    "espnet": "202511",
}
CONFIG = {"normalize_conf": {"stats_file": "exp/stats.npz"}, "tts": "prodiff"}
GOOD = {
    "exp/config.yaml": yaml.safe_dump(CONFIG),
    "exp/1epoch.pth": "weights",
    "exp/stats.npz": "stats",
}


def pack(path, members=None, meta=None, suffix_meta="meta.yaml"):
    """Write an archive; ``members`` are pairs of names (or infos) and contents."""
    content = {suffix_meta: yaml.dump(META if meta is None else meta), **GOOD}
    pairs = list(content.items()) + list(members or [])
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in pairs:
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in pairs:
                info = (
                    name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
                )
                data = text.encode()
                if info.isreg():
                    info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "home" / "cache"


def content(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


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


def recursive():
    content = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True):
        content += f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    return content


@pytest.mark.parametrize(
    "content",
    [
        recursive(),
        "a: &a {b: *a}",
        "a: " + "[" * 100_000,
        "a: 1\n" * 1_000_000,
        "a: !!int x",
        "a: !!timestamp x",
        "a: !!bool [1]",
        "\udcff\udcfe",
        "a\0b",
        "[]",
    ],
    ids=range(10),
)
def test_hostile_yaml_is_refused_quickly(content, tmp_path, cache):
    for name in ("meta.yaml", "exp/config.yaml"):
        path = tmp_path / "m.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            members = {"meta.yaml": yaml.dump(META), **GOOD, name: content}
            for member, text in members.items():
                archive.writestr(member, text.encode(errors="surrogateescape"))
        wrong = f"{name}.*(not plain yaml|larger|mapping)"
        with pytest.raises(ArchiveError, match=wrong):
            fetch_model(path, cache)


BAD_NAMES = [
    "../evil",
    "exp/../../evil",
    "/tmp/evil",
    "..",
    "exp/..\\..\\evil",
    "C:\\evil",
    "C:evil",
    "\\\\host\\evil",
    "a/./../../b",
    "new\nline",
    "exp/1epoch.pth",  # again
    "./exp/1epoch.pth",
]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["m.zip", "m.tar.gz"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_lead_elsewhere(name, kind, tmp_path, cache):
    path = pack(tmp_path / kind, [(name, "evil")])
    with pytest.raises(ArchiveError, match="refused|is there twice"):
        fetch_model(path, cache)
    assert content(tmp_path) == [kind]


@pytest.mark.parametrize(
    "value",
    ["../slipped.yaml", "/etc/passwd", "exp/../../slipped.yaml", "C:\\x.yaml", "", 3],
)
@pytest.mark.parametrize("where", ["yaml_files", "files"])
def test_entries_of_meta_that_lead_elsewhere(value, where, tmp_path, cache):
    """ESPnet writes a yaml member of such a name outside the folder."""
    key = {"yaml_files": "train_config", "files": "model_file"}[where]
    meta = {**META, where: {key: value}}
    path = pack(tmp_path / "m.zip", meta=meta)
    with pytest.raises(ArchiveError, match=f"meta.yaml.*{key}"):
        fetch_model(path, cache)
    assert content(tmp_path) == ["m.zip"]


def test_an_entry_cannot_hide_behind_another_of_the_same_key(tmp_path, cache):
    names = {"train_config": "exp/config.yaml", "model_file": "../slipped.yaml"}
    path = pack(tmp_path / "m.zip", meta={**META, "yaml_files": names})
    with pytest.raises(ArchiveError, match="slipped.yaml' .model_file., which is not"):
        fetch_model(path, cache)
    names["model_file"] = "exp/1epoch.pth"
    path = pack(tmp_path / "m.zip", meta={**META, "yaml_files": names})
    with pytest.raises(ArchiveError, match="packs model_file, model_file, train_conf"):
        fetch_model(path, cache)


@pytest.mark.parametrize("key", ["device", "vocoder_file", "asr_model_file", "lm_file"])
def test_other_keys_of_meta_do_not_become_arguments(key, tmp_path, cache):
    meta = {**META, "files": {**META["files"], key: "exp/1epoch.pth"}}
    with pytest.raises(
        ArchiveError, match=f"packs .*{key}.*expected model_file, train"
    ):
        fetch_model(pack(tmp_path / "m.zip", meta=meta), cache)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ([1], "holds a list, expected a mapping"),
        ({"files": {}}, "lacks yaml_files and files"),
        ({"files": {}, "yaml_files": {}}, "packs nothing"),
        (
            {**META, "files": {"model_file": "exp/x"}},
            "'exp/x' .model_file., which is n",
        ),
    ],
)
def test_meta_of_another_shape(meta, message, tmp_path, cache):
    with pytest.raises(ArchiveError, match=message):
        fetch_model(pack(tmp_path / "m.zip", meta=meta), cache)


def test_code_in_meta_is_refused(tmp_path, cache):
    canary = tmp_path / "canary"
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.yaml", f"!!python/object/apply:os.mkdir ['{canary}']\n")
    with pytest.raises(ArchiveError, match="not plain yaml"):
        fetch_model(path, cache)
    assert not canary.exists()


@pytest.mark.parametrize("kind", ["symlink", "device"])
def test_links_and_devices_in_a_zip(kind, tmp_path, cache):
    info = zipfile.ZipInfo("exp/link")
    mode = {"symlink": stat.S_IFLNK, "device": stat.S_IFCHR}[kind]
    info.external_attr = (mode | 0o777) << 16
    with pytest.raises(ArchiveError, match="'exp/link' is a link or a device"):
        fetch_model(pack(tmp_path / "m.zip", [(info, "/etc")]), cache)
    assert content(tmp_path) == ["m.zip"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar(kind, tmp_path, cache):
    info = tarfile.TarInfo("exp/link")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveError, match="'exp/link' is a link or a device"):
        fetch_model(pack(tmp_path / "m.tar.gz", [(info, "")]), cache)
    assert content(tmp_path) == ["m.tar.gz"]


def test_modes_and_owners_of_a_tar_are_not_kept(tmp_path, cache):
    info = tarfile.TarInfo("exp/tool")
    info.mode, info.uid, info.gid = 0o6755, 12345, 12345
    model = fetch_model(pack(tmp_path / "m.tar.gz", [(info, "tool")]), cache)
    made = (Path(model["model_file"]).resolve().parent / "tool").stat()
    assert stat.S_IMODE(made.st_mode) & 0o7022 == 0
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())


def test_bombs(tmp_path, cache):
    big = pack(tmp_path / "big.zip", [("exp/zeros", "0" * (150 * 2**20))])
    assert big.stat().st_size < 2**20
    with pytest.raises(ArchiveError, match="would unpack from"):
        fetch_model(big, cache)
    many = pack(tmp_path / "many.zip", [(f"f{i}", "") for i in range(10_001)])
    with pytest.raises(ArchiveError, match="holds 10005 files"):
        fetch_model(many, cache)
    assert not cache.exists()


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
