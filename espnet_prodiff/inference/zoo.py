"""Downloads: espnet_model_zoo's table of models, URLs, and the hub."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

import requests
from espnet_model_zoo.downloader import ModelDownloader
from tqdm import tqdm

from espnet_prodiff.errors import ArchiveError
from espnet_prodiff.fileio.atomic import write_text

TIMEOUT = (10.0, 30.0)  # seconds for a connection, and for each next piece

__all__ = ["ModelDownloader", "fetch_file"]


def fetch_file(url: str, cachedir: Path, check: Callable[[Path], None]) -> Path:
    """Download a file once, and again when the server has another one.

    Args:
        url: Of the file.
        cachedir: The file is kept there, in a folder of its own.
        check: Called with a whole download before it is kept; may refuse it.

    Raises:
        ArchiveError: The download is not whole, or ``check`` refused it.
        OSError: The server cannot be reached, does not answer in time or has no such
            file, and nothing is kept from before.
    """
    folder = cachedir / hashlib.md5(url.encode()).hexdigest()
    version_file = folder / ".version"
    kept = next((file for file in folder.glob("[!.]*") if file.is_file()), None)
    version = version_file.read_text() if kept and version_file.exists() else ""
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            now = " ".join(
                answer.headers.get(name, "-")
                for name in ("ETag", "Last-Modified", "Content-Length")
            )
            if kept and now == version:
                return kept
            file = folder / _file_name(answer, url)
            half = folder / ".half" / file.name
            half.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(answer, half, url)
                check(half)
                if kept:
                    kept.unlink()
                half.replace(file)
            finally:
                half.unlink(missing_ok=True)
    except requests.RequestException as error:
        if kept is None:
            raise
        logging.warning(f"{url} cannot be reached ({error}); {kept} is taken")
        return kept
    write_text(version_file, now)
    return file


def _write(answer: requests.Response, path: Path, url: str) -> None:
    size = int(answer.headers.get("Content-Length") or 0)
    with (
        path.open("wb") as file,
        tqdm(desc=url, total=size or None, unit="B", unit_scale=True) as bar,
    ):
        for piece in answer.iter_content(2**16):
            file.write(piece)
            bar.update(len(piece))
    if size and "Content-Encoding" not in answer.headers and bar.n != size:
        raise ArchiveError(
            f"{url} broke off after {bar.n} of {size} bytes: run the command again"
        )


def _file_name(answer: requests.Response, url: str) -> str:
    """Return the server's name of a file, which cannot lead out of the cache."""
    disposition = answer.headers.get("Content-Disposition", "")
    named = re.search(r'filename="?([^";]+)', disposition)
    name = named.group(1) if named else unquote(urlsplit(url).path)
    return PureWindowsPath(name.strip()).name.lstrip(".") or "model.zip"
