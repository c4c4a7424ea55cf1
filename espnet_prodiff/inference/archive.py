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
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml
from espnet2.main_funcs.pack_funcs import Archiver, find_path_and_change_it_recursive
from espnet_model_zoo.downloader import ModelDownloader, is_url
from filelock import FileLock

from espnet_prodiff.errors import ArchiveError
from espnet_prodiff.fileio.checkpoint import file_sha256
from espnet_prodiff.fileio.yaml_files import write_yaml

SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
KEYS = {"train_config", "model_file"}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
MAX_MEMBERS = 10_000
# A packed model shrinks by a tenth; text in it by more, but is small.
MAX_RATIO, SMALL = 50, 100 * 2**20


def default_cachedir() -> Path:
    """Return ``$XDG_CACHE_HOME/espnet_prodiff`` or ``~/.cache/espnet_prodiff``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "espnet_prodiff"


def fetch_model(model_tag: str, cachedir: str | Path | None = None) -> dict[str, str]:
    """Find a packed model, unpack it in the cache and name its files.

    Args:
        model_tag: A packed file, a URL of one, a name of espnet_model_zoo, or a hub
            repository ``user/name[@revision]``.
        cachedir: Where downloads and unpacked models are kept; by default
            `default_cachedir`.

    Returns:
        ``train_config`` and ``model_file``.

    Raises:
        FileNotFoundError: A path of a packed file that does not exist.
        ArchiveError: The archive is damaged, hostile or no TTS model, or it cannot be
            fetched.
    """
    cachedir = Path(cachedir or default_cachedir()).expanduser().absolute()
    name = str(model_tag)
    if Path(name).is_file():
        return _unpack(Path(name), cachedir)
    if name.lower().endswith(SUFFIXES) and not is_url(name):
        raise FileNotFoundError(
            f"packed model {name} does not exist (looked in {Path.cwd()}): pack it "
            "with stage 10, or pass a URL or a hub id user/name"
        )
    zoo = _Downloader(cachedir)
    known = is_url(name) or bool(zoo.query(name=name))
    if not known and not HUB_ID.fullmatch(name):
        raise ArchiveError(
            f"model {name!r} is no file, no URL, no name of espnet_model_zoo and no "
            "hub id of the form user/name[@revision]"
        )
    try:
        if known:
            return _unpack(Path(zoo.download(name)), cachedir)
        snapshot = Path(zoo.huggingface_download(name))
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(
            f"model {name} cannot be fetched: {type(error).__name__}: {error}"
        ) from error
    return _resolve(snapshot, snapshot / "meta.yaml", cachedir / "hub", name)


class _Downloader(ModelDownloader):
    @staticmethod
    def _get_file_name(url: str) -> str:
        """Keep the server's file name inside the cache."""
        name = ModelDownloader._get_file_name(url).strip("\"' ")
        return PureWindowsPath(name).name or "model.zip"


def check_archive(path: str | Path) -> None:
    """Refuse an archive that would write elsewhere, or is no packed TTS model.

    Args:
        path: A zip or tar file.

    Raises:
        ArchiveError: What is wrong, with the member's name.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ArchiveError(
            f"packed model {path} is of no known kind: expected {', '.join(SUFFIXES)}"
        )
    with _opened(path) as archive:
        _check_members(path, list(archive))
        meta = next((m for m in archive if _base(m) == "meta.yaml"), None)
        if meta is None:
            raise ArchiveError(
                f"{path} holds no meta.yaml: pass a model packed by stage 10"
            )
        with archive.extractfile(meta) as f:
            _read_meta(f.read(), f"{path}:{_name(meta)}", map(_name, archive))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Archiver]:
    broken = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
    try:
        with Archiver(path) as archive:
            yield archive
    except (*broken, EOFError, OSError) as error:
        raise ArchiveError(
            f"packed model {path} is damaged ({error}): copy or download it again"
        ) from error


def _name(member: Any) -> str:
    return member.filename if isinstance(member, zipfile.ZipInfo) else member.name


def _base(member: Any) -> str:
    return PurePosixPath(_name(member)).name


def _check_members(path: Path, members: list[Any]) -> None:
    seen, total = set(), 0
    if len(members) > MAX_MEMBERS:
        raise ArchiveError(f"{path} holds {len(members)} files, more than any model")
    for member in members:
        name = _name(member)
        _check_name(name, f"member of {path}")
        if not _is_plain(member):
            raise ArchiveError(f"{path}: member {name!r} is a link or a device")
        if PurePosixPath(name) in seen:
            raise ArchiveError(f"{path}: member {name!r} is there twice")
        seen.add(PurePosixPath(name))
        size = getattr(member, "file_size", None) or getattr(member, "size", 0)
        total += size
    if total > SMALL and total > MAX_RATIO * path.stat().st_size:
        raise ArchiveError(
            f"{path} would unpack from {path.stat().st_size} to {total} bytes: it is "
            "no packed model"
        )


def _check_name(name: str, what: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    bad = (
        not name.isprintable()
        or "\\" in name
        or ".." in parts
        or not parts
        or PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).drive
    )
    if bad:
        raise ArchiveError(
            f"{what} is named {name!r}, which leads out of its folder: refused"
        )


def _is_plain(member: Any) -> bool:
    if isinstance(member, zipfile.ZipInfo):
        kind = stat.S_IFMT(member.external_attr >> 16)
        return kind in (0, stat.S_IFREG, stat.S_IFDIR)
    return member.isreg() or member.isdir()


def _read_meta(content: str | bytes, where: str, members: Iterable[str]) -> dict:
    """Check meta.yaml; return its yaml_files and files."""
    try:
        meta = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{where} is not plain yaml: {error}") from error
    members = set(members)
    kinds = ("yaml_files", "files")
    if not isinstance(meta, dict) or not all(
        isinstance(meta.get(k), dict) for k in kinds
    ):
        raise ArchiveError(f"{where} lacks yaml_files and files: it packs no model")
    for kind in kinds:
        for key, name in meta[kind].items():
            if not isinstance(name, str):
                raise ArchiveError(f"{where}: {key} is {name!r}, expected a file name")
            _check_name(name, f"{where}: {key}")
            if name not in members:
                raise ArchiveError(
                    f"{where} names {name!r} ({key}), which is not there"
                )
    keys = {key for kind in kinds for key in meta[kind]}
    if keys != KEYS:
        raise ArchiveError(
            f"{where} packs {', '.join(sorted(map(str, keys))) or 'nothing'}: expected "
            f"{', '.join(sorted(KEYS))} of a TTS model"
        )
    return {kind: meta[kind] for kind in kinds}


def _unpack(path: Path, cachedir: Path) -> dict[str, str]:
    """Unpack under a name made of the content, so that a new pack is never stale."""
    check_archive(path)
    folder = cachedir / "unpacked" / file_sha256(path)[:32]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as archive, FileLock(f"{folder}.lock"):
        members = list(archive)
        if not folder.exists():
            half = folder.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            try:
                for member in members:
                    archive.extract(member, half)
                os.replace(half, folder)
            finally:
                shutil.rmtree(half, ignore_errors=True)
    meta = next(_name(m) for m in members if _base(m) == "meta.yaml")
    return _resolve(folder, folder / meta, cachedir / "unpacked", str(path))


def _resolve(root: Path, meta: Path, cachedir: Path, name: str) -> dict[str, str]:
    """Point the packed configs to the unpacked files, in copies of their own."""
    if not meta.is_file():
        raise ArchiveError(f"model {name} holds no meta.yaml: it is no packed model")
    files = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    parts = _read_meta(meta.read_text(encoding="utf-8"), f"{name}:meta.yaml", files)
    found = {key: str(root / value) for key, value in parts["files"].items()}
    for key, value in parts["yaml_files"].items():
        config = yaml.safe_load((root / value).read_text(encoding="utf-8"))
        for file in files:
            config = find_path_and_change_it_recursive(config, file, str(root / file))
        target = cachedir / f"{root.name}.{key}.yaml"
        write_yaml(target, config)
        found[key] = str(target)
    return found


def fetch_vocoder(vocoder_tag: str) -> str:
    """Download a vocoder by its ParallelWaveGAN tag; return its checkpoint.

    Args:
        vocoder_tag: ``parallel_wavegan/<tag>``, as for ESPnet.

    Raises:
        ArchiveError: The tag is of another kind, or the package that knows where the
            tags' files are is not installed.
    """
    prefix, _, tag = str(vocoder_tag).partition("/")
    if prefix != "parallel_wavegan" or not tag:
        raise ArchiveError(
            f"vocoder tag {vocoder_tag!r} is not of the form parallel_wavegan/<tag>"
        )
    try:
        from parallel_wavegan.utils import download_pretrained_model
    except ImportError as error:
        raise ArchiveError(
            f"vocoder tag {vocoder_tag} cannot be looked up without the "
            f"parallel_wavegan package ({error}): download the checkpoint, its "
            "config.yml and stats.h5 into one folder and pass vocoder_file=<the .pkl>"
        ) from error
    return download_pretrained_model(tag)
