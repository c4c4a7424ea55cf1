"""Packed models: a zip, a URL, a name of the zoo or a hub repository, unpacked safely.

espnet_model_zoo finds and downloads; what it unpacks is checked here first, because
ESPnet writes a yaml member named ``../x`` outside the folder and takes every key of
meta.yaml for an argument.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from espnet2.main_funcs.pack_funcs import Archiver
from filelock import FileLock

from espnet_prodiff.errors import NO_SPACE, ArchiveError
from espnet_prodiff.fileio.checkpoint import file_sha256
from espnet_prodiff.fileio.yaml_files import MAX_BYTES
from espnet_prodiff.inference.packed_model import lay_out, read_meta, require_writable
from espnet_prodiff.inference.voices import known_voices

SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
URL = re.compile(r"(http|ftp)s?://", re.IGNORECASE)
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
MAX_MEMBERS = 10_000
# A packed model shrinks by a tenth; text in it by more, but is small.
MAX_RATIO, SMALL = 50, 100 * 2**20


def default_cachedir() -> Path:
    """Return ``$XDG_CACHE_HOME/espnet_prodiff`` or ``~/.cache/espnet_prodiff``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "espnet_prodiff"


def fetch_model(model_tag: str, cachedir: str | Path | None = None) -> dict[str, str]:
    """Find and unpack a packed model; returns its ``train_config`` and ``model_file``.

    Args:
        model_tag: A packed file, a voice of the package (`known_voices`), a URL of a
            packed file, a name of espnet_model_zoo, or a hub repository
            ``user/name[@revision]``.
        cachedir: Where downloads and unpacked models are kept; by default
            `default_cachedir`.

    Raises:
        FileNotFoundError: A path of a packed file that does not exist.
        ArchiveError: The archive is damaged, hostile or no TTS model, or it cannot be
            fetched.
    """
    cachedir = Path(cachedir or default_cachedir()).expanduser().absolute()
    name = str(model_tag)
    if Path(name).is_file():
        return _unpack(Path(name), cachedir)
    for voice in known_voices():
        if voice.name == name:
            return _unpack(voice.model, cachedir)
    if name.lower().endswith(SUFFIXES) and not URL.match(name):
        raise FileNotFoundError(
            f"packed model {name} does not exist (looked in {Path.cwd()}): pack it "
            "with stage 10, or pass a URL or a hub id user/name"
        )
    from espnet_prodiff.inference import zoo  # slow to import

    require_writable(cachedir)
    table, url = zoo.ModelDownloader(cachedir), name
    known = bool(table.query(name=name))
    if known:
        url = table.get_url(name)
    if not known and not URL.match(name) and not HUB_ID.fullmatch(name):
        raise ArchiveError(
            f"model {name!r} is no file, no voice of the package, no URL, no name of "
            "espnet_model_zoo and no hub id of the form user/name[@revision]"
        )
    try:
        if URL.match(url) and not url.rstrip("/").endswith("huggingface.co"):
            return _unpack(zoo.fetch_file(url, cachedir, check_archive), cachedir)
        snapshot = Path(table.huggingface_download(name))
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(
            f"model {name} cannot be fetched: {type(error).__name__}: {error}"
        ) from error
    return lay_out(snapshot, snapshot / "meta.yaml", cachedir, name)


class _Member(NamedTuple):
    """One member of a zip or tar file; it is plain where it is no link or device."""

    info: zipfile.ZipInfo | tarfile.TarInfo
    name: str
    size: int
    is_plain: bool


def check_archive(path: str | Path) -> None:
    """Refuse a zip or tar file that would write elsewhere, or is no packed TTS model.

    Raises:
        ArchiveError: What is wrong, with the member's name.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ArchiveError(
            f"packed model {path} is of no known kind: expected {', '.join(SUFFIXES)} "
            f"(weights, *.pth, are loaded by Text2Speech(model_file={str(path)!r}))"
        )
    with _opened(path) as archive:
        members = _members(archive)
        _check_members(path, members)
        meta = _find_meta(path, members)
        with archive.extractfile(meta.info) as f:
            names = [member.name for member in members]
            read_meta(f.read(MAX_BYTES + 1), f"{path}:{meta.name}", names)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Archiver]:
    broken = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
    try:
        with Archiver(path) as archive:
            # Without the permissions and owners that a tar file asks for.
            archive.fopen.extraction_filter = getattr(tarfile, "data_filter", None)
            yield archive
    except (*broken, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if getattr(error, "errno", None) in NO_SPACE:
            raise
        raise ArchiveError(
            f"packed model {path} is damaged ({error}): copy or download it again"
        ) from error


def _members(archive: Archiver) -> list[_Member]:
    members = []
    for info in archive:
        if isinstance(info, zipfile.ZipInfo):
            kind = stat.S_IFMT(info.external_attr >> 16)
            is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            members.append(_Member(info, info.filename, info.file_size, is_plain))
        else:
            is_plain = info.isreg() or info.isdir()
            members.append(_Member(info, info.name, info.size, is_plain))
    return members


def _is_complete(folder: Path, members: list[_Member]) -> bool:
    """Return True if every file of an archive lies in the folder, whole."""
    for _, name, size, _ in members:
        file = folder / name
        if not name.endswith("/") and not file.is_dir():
            if not file.is_file() or file.stat().st_size != size:
                return False
    return True


def _find_meta(path: Path, members: list[_Member]) -> _Member:
    for member in members:
        if Path(member.name).name == "meta.yaml":
            return member
    raise ArchiveError(f"{path} holds no meta.yaml: pass a model packed by stage 10")


def _check_members(path: Path, members: list[_Member]) -> None:
    # zipfile and tarfile would write such members somewhere inside, under other names,
    # follow links inside, and let the last of two members win.
    if len(members) > MAX_MEMBERS:
        raise ArchiveError(f"{path} holds {len(members)} files, more than any model")
    seen = set()
    for _, name, _, is_plain in members:
        place = PureWindowsPath(name)  # splits at both slashes, knows drives
        if place.anchor or ".." in place.parts or not place.parts:
            raise ArchiveError(
                f"{path}: member {name!r} leads out of its folder: refused"
            )
        if not name.isprintable():
            raise ArchiveError(f"{path}: member {name!r} is no name of a file: refused")
        if not is_plain:
            raise ArchiveError(f"{path}: member {name!r} is a link or a device")
        if place.as_posix() in seen:
            raise ArchiveError(f"{path}: member {name!r} is there twice")
        seen.add(place.as_posix())
    total, packed = sum(member.size for member in members), path.stat().st_size
    if total > SMALL and total > MAX_RATIO * packed:
        raise ArchiveError(
            f"{path} would unpack from {packed} to {total} bytes: it is no packed model"
        )


def _unpack(path: Path, cachedir: Path) -> dict[str, str]:
    """Unpack under a name made of the content, so that a new pack is never stale."""
    check_archive(path)
    folder = cachedir / "unpacked" / file_sha256(path)[:32]
    with _opened(path) as archive:
        members = _members(archive)
    if not _is_complete(folder, members):
        _extract(path, folder)
    meta = folder / _find_meta(path, members).name
    return lay_out(folder, meta, cachedir, str(path))


def _extract(path: Path, folder: Path) -> None:
    require_writable(folder.parent)
    with FileLock(f"{folder}.lock"), _opened(path) as archive:
        members = _members(archive)
        if not _is_complete(folder, members):
            shutil.rmtree(folder, ignore_errors=True)
            half = folder.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            try:
                for member in members:
                    archive.extract(member.info, half)
                os.replace(half, folder)
            finally:
                shutil.rmtree(half, ignore_errors=True)
