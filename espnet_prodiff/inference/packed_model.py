"""What an unpacked model's meta.yaml says, and the folder that is made of it."""

import os
from collections.abc import Collection
from pathlib import Path

from espnet2.main_funcs.pack_funcs import find_path_and_change_it_recursive

from espnet_prodiff.errors import ArchiveError, ConfigError
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.yaml_files import parse_yaml, read_yaml, write_yaml

KEYS = {"train_config", "model_file"}
CARD = "README.md"


def read_meta(
    content: bytes, where: str, files: Collection[str]
) -> dict[str, dict[str, str]]:
    """Check meta.yaml against the files beside it; return yaml_files and files."""
    try:
        meta = parse_yaml(content, where)
    except ConfigError as error:
        raise ArchiveError(str(error)) from error
    kinds = ("yaml_files", "files")
    if not all(isinstance(meta.get(kind), dict) for kind in kinds):
        raise ArchiveError(f"{where} lacks yaml_files and files: it packs no model")
    entries = [entry for kind in kinds for entry in meta[kind].items()]
    for key, name in entries:
        if name not in files:
            raise ArchiveError(f"{where} names {name!r} ({key}), which is not there")
    keys = sorted(str(key) for key, _ in entries)
    if keys != sorted(KEYS):
        raise ArchiveError(
            f"{where} packs {', '.join(keys) or 'nothing'}: expected "
            f"{', '.join(sorted(KEYS))} of a TTS model"
        )
    return {kind: meta[kind] for kind in kinds}


def require_writable(folder: Path) -> None:
    """Refuse a cache that nothing can be written to.

    Raises:
        ArchiveError: The message says how to give another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise ArchiveError(
            f"nothing can be written to the cache {folder}: give a folder of your own "
            "as cachedir, or as XDG_CACHE_HOME in the environment"
        )


def lay_out(root: Path, meta: Path, cachedir: Path, name: str) -> dict[str, str]:
    """Lay out a folder as a training leaves it: weights, and config.yaml beside them.

    The config is a copy that points to the unpacked files; the weights are a link, and
    so is the model card.
    """
    if not meta.is_file():
        raise ArchiveError(f"model {name} holds no meta.yaml: it is no packed model")
    files = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    parts = read_meta(meta.read_bytes(), f"{name}:meta.yaml", files)
    weights = root / parts["files"]["model_file"]
    packed_config = parts["yaml_files"]["train_config"]
    try:
        config = read_yaml(root / packed_config, f"{name}:{packed_config}, config")
    except ConfigError as error:
        raise ArchiveError(str(error)) from error
    for file in files:
        config = find_path_and_change_it_recursive(config, file, str(root / file))
    folder = cachedir / "models" / root.name
    laid_out = {
        "model_file": str(folder / weights.name),
        "train_config": str(folder / "config.yaml"),
    }
    target, card = folder / "config.yaml", root / CARD
    if not target.is_file() or read_yaml(target, "config") != config:
        require_writable(cachedir)
        write_yaml(target, config)
    for source in [weights, card] if card.is_file() else [weights]:
        link = folder / source.name
        if not link.is_file():
            with atomic_path(link) as temporary:
                temporary.symlink_to(source.resolve())
    return laid_out
