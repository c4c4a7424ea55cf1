"""Hostile archives of models are refused, and nothing of them is written."""

import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from espnet_prodiff.errors import ArchiveError
from espnet_prodiff.inference.archive import fetch_model
from tests.integration.packed_models import GOOD, META, pack


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "home" / "cache"


def content(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


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
    "{folder}/evil",
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
    path = pack(tmp_path / kind, [(name.format(folder=tmp_path), "evil")])
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
