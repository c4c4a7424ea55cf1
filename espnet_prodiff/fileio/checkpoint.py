"""Read and write checkpoints: reading never runs code, a kill never leaves half a file.

ESPnet 202511 reads with ``weights_only=False`` (a crafted file runs code), loads with
``strict=False`` (foreign keys are ignored, missing ones stay random) and writes with
``torch.save`` straight to the final name (a kill leaves half a file).
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from espnet_prodiff.errors import CheckpointError
from espnet_prodiff.fileio.atomic import atomic_path

PathLike = str | os.PathLike


NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8")


class _NumberType:
    """Stands for numpy's dtype, which believes a file's state and then crashes."""

    def __init__(self, name: str, *_: object) -> None:
        if name not in NUMBERS:
            raise ValueError(f"{name!r} is no kind of number")
        self.name = name
        self.order: Literal["<", ">", "="] = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="


def _read_number(kind: _NumberType, data: bytes) -> np.generic:
    dtype = np.dtype(kind.name).newbyteorder(kind.order)
    if type(data) is not bytes or len(data) != dtype.itemsize:
        raise ValueError(f"expected {dtype.itemsize} bytes of a number")
    return np.frombuffer(data, dtype)[0]


# Types in ESPnet's and ParallelWaveGAN's checkpoints besides tensors and plain Python
# values: reporter times and numpy scalars. Each builds a value, none runs code or is
# built by numpy itself. The second name of a scalar is that of numpy 1.
SAFE_GLOBALS: list[Any] = [
    datetime.timedelta,
    _NumberType,
    (_NumberType, "numpy.dtype"),
    (_read_number, "numpy._core.multiarray.scalar"),
    (_read_number, "numpy.core.multiarray.scalar"),
]


def load_weights(path: PathLike) -> dict[str, Any]:
    """Load the dictionary of a checkpoint onto the CPU without running what is in it.

    Args:
        path: A file written by ``torch.save``: model weights (``Nepoch.pth``,
            ``*.ave.pth``), ESPnet's ``checkpoint.pth`` or a ParallelWaveGAN ``.pkl``.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is cut off, is no checkpoint of a dictionary, or holds
            code.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"checkpoint {path} {what}: expected a .pth file")
    return _load(path, torch.load)


def _load(path: Path, torch_load: Callable[..., Any]) -> dict[str, Any]:
    try:
        _check_sums(path)
        with torch.serialization.safe_globals(SAFE_GLOBALS):
            states = torch_load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise
    except Exception as error:  # arbitrary bytes trip the unpickler in any way
        raise CheckpointError(_explain(path, error)) from error
    if not isinstance(states, dict):
        raise CheckpointError(
            f"checkpoint {path} holds a {type(states).__name__}, expected a dictionary "
            "of weights: pass the model file that the training wrote (*.pth)"
        )
    return states


def _check_sums(path: Path) -> None:
    """Compare a zip's contents with their checksums, which torch does not."""
    if not _starts_as_zip(path):
        return
    with zipfile.ZipFile(path) as archive:
        if (member := archive.testzip()) is not None:
            raise ValueError(f"{member} is not what was written")


def _explain(path: Path, error: Exception) -> str:
    size = path.stat().st_size
    text = str(error)
    named = re.search(r"(?i)unsupported (?:class|global:?(?: GLOBAL)?) (\S+)", text)
    unnamed = "unrecognized function" in text or "Unsupported operand" in text
    if named or unnamed and _starts_as_pickle(path):
        name = f" ({named.group(1)})" if named else ""
        return (
            f"checkpoint {path} was refused: it holds Python objects besides "
            f"weights{name}, and loading them could run code. If you trust its source, "
            "re-save its weights alone where it was made: "
            "torch.save(model.state_dict(), path)"
        )
    if size == 0:
        what = "is empty"
    elif _starts_as_zip(path):
        what = f"is cut off or damaged ({size} bytes)"
    else:
        what = f"is not a checkpoint ({size} bytes that torch.load cannot read)"
    return (
        f"checkpoint {path} {what}: copy or download it again, or use another epoch's "
        "file of the same experiment"
    )


def _starts_as_zip(path: Path) -> bool:
    with path.open("rb") as f:
        return f.read(2) == b"PK"


def _starts_as_pickle(path: Path) -> bool:
    with path.open("rb") as f:
        return f.read(1) == b"\x80" or _starts_as_zip(path)


def load_model_weights(model: torch.nn.Module, path: PathLike) -> None:
    """Load a model file into a model of exactly that shape, built from the same config.

    The file holds weights alone, or it is ESPnet's ``checkpoint.pth`` or of DeepSpeed.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: As in `load_weights` and `fit_weights`.
    """
    states = load_weights(path)
    for key in ("module", "model"):  # DeepSpeed; ESPnet's checkpoint.pth
        if isinstance(states.get(key), dict):
            states = states[key]
    fit_weights(model, states, path)


def fit_weights(model: torch.nn.Module, states: dict[str, Any], path: PathLike) -> None:
    """Put tensors by parameter name into a model of exactly that shape.

    ``path`` is the file that they came from, for the message.

    Raises:
        CheckpointError: Keys are missing, unknown or of another shape, some value is
            no tensor, or a weight is not finite.
    """
    not_tensors = [k for k, v in states.items() if not _is_plain_tensor(v)]
    if not_tensors:
        raise CheckpointError(
            f"checkpoint {path} does not hold plain tensors alone "
            f"({_some(list(map(str, not_tensors)))}): "
            "pass a model file such as valid.loss.best.pth"
        )
    broken = [
        k for k, v in states.items() if v.is_floating_point() and not v.isfinite().all()
    ]
    if broken:
        raise CheckpointError(
            f"checkpoint {path} holds NaN or infinite weights in {_some(broken)}: the "
            "training diverged; use an earlier epoch's file or a lower learning rate"
        )
    problems = []
    try:
        keys = model.load_state_dict(states, strict=False)
    except ValueError as error:  # the model refuses weights of another kind
        raise CheckpointError(f"checkpoint {path}: {error}") from error
    except RuntimeError as error:
        sizes = re.findall(
            r"size mismatch for (\S+):.*?Size\((.*?)\).*?Size\((.*?)\)", str(error)
        )
        problems = [f"{k} is {a} in the file, {b} in the model" for k, a, b in sizes]
        problems = [_some(problems)] if problems else [str(error)]
    else:
        if keys.missing_keys:
            problems.append(f"missing in the file: {_some(keys.missing_keys)}")
        if keys.unexpected_keys:
            problems.append(f"unknown to the model: {_some(keys.unexpected_keys)}")
    if problems:
        raise CheckpointError(
            f"checkpoint {path} does not fit the model that its config describes; "
            + "; ".join(problems)
            + ". Use the config that lies beside the checkpoint"
        )


def _is_plain_tensor(value: Any) -> bool:
    """Return False for sparse, nested, quantized tensors and those without values."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_nested)
    )


def _some(names: list[str], limit: int = 4) -> str:
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


@contextlib.contextmanager
def atomic_torch_save() -> Iterator[None]:
    """Make every ``torch.save`` to a path atomic inside the block.

    ESPnet's trainer calls ``torch.save`` with the final name of ``checkpoint.pth`` and
    ``Nepoch.pth``; this is the seam that needs no copy of its training loop.
    """
    plain = torch.save

    def save(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(f, str | os.PathLike):
            # By an open file: of a path's full disk torch does not say what it was.
            with atomic_path(Path(f)) as temporary, temporary.open("wb") as file:
                plain(obj, file, *args, **kwargs)
        else:
            plain(obj, f, *args, **kwargs)

    torch.save = save
    try:
        yield
    finally:
        torch.save = plain


@contextlib.contextmanager
def safe_torch_load() -> Iterator[None]:
    """Make every ``torch.load`` of a path inside the block read like `load_weights`.

    ESPnet resumes, initialises and averages with ``weights_only=False``. Inside the
    block these calls refuse code, and a damaged file is named. Tensors arrive on the
    CPU; ``load_state_dict`` moves them.
    """
    plain = torch.load

    def load(f: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(f, str | os.PathLike):
            if not Path(f).is_file():
                raise FileNotFoundError(f"checkpoint {f} does not exist")
            return _load(Path(f), plain)
        with torch.serialization.safe_globals(SAFE_GLOBALS):
            return plain(f, *args, **{**kwargs, "weights_only": True})

    torch.load = load
    try:
        yield
    finally:
        torch.load = plain


def file_sha256(path: PathLike) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
