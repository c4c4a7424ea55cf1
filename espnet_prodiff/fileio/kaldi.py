"""Kaldi archives and tables, read without running what they hold.

kaldiio unpickles an entry that begins with ``PKL`` and runs a table's line that ends in
``|``. ESPnet reads through it as well, in the workers of its data loaders too, so both
are taken out of kaldiio itself, for the whole process, when this module is imported.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kaldiio.matio
import kaldiio.utils
import numpy as np

from espnet_prodiff.errors import DataError

_run = kaldiio.utils.my_popen
_pickle = kaldiio.matio.pickle
_allowed = {"pipes": False}


def allow_pipes(allowed: bool) -> None:
    """Say whether this process runs commands of tables, ``--allow_pipes``."""
    _allowed["pipes"] = allowed


def require_pipes(command: str, where: str) -> None:
    """Refuse a command of a table unless it was allowed.

    Raises:
        DataError: The message names ``where`` it is and the option.
    """
    if not _allowed["pipes"]:
        raise DataError(
            f"{where} is a command ({command.strip()!r}): what a table says is not "
            "run. If you trust it say --allow_pipes true (recipe, training, "
            "inference), or write its output to a file"
        )


def _guarded_run(command: str, *args: Any, **kwargs: Any) -> Any:
    require_pipes(command, "a line of a table")
    return _run(command, *args, **kwargs)


def _refuse_pickle(file: Any, *args: Any, **kwargs: Any) -> Any:
    raise DataError(
        f"{getattr(file, 'name', 'an archive')} holds a pickle (PKL), which could run "
        "code: write its arrays as Kaldi matrices or vectors"
    )


kaldiio.utils.my_popen = _guarded_run
kaldiio.matio.pickle = SimpleNamespace(load=_refuse_pickle, dump=_pickle.dump)


def read_array(source: str, utt: str) -> Any:
    """Read what a line of a Kaldi table points to, ``file.ark:offset``.

    Returns an array, or rate and samples of a recording.

    Raises:
        DataError: It is missing, cannot be read, or would run something.
    """
    where = f"utterance {utt} ({source})"
    if not source.strip():
        raise DataError(f"utterance {utt} has no file, expected file.ark:offset")
    try:
        return kaldiio.load_mat(str(source))
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except Exception as error:  # arbitrary bytes trip kaldiio in any way
        raise DataError(
            f"{where} cannot be read ({error}), expected a Kaldi archive"
        ) from error


def read_vector(source: str, utt: str, size: int | None = None) -> np.ndarray:
    """Read a speaker embedding (D,), float32.

    Raises:
        DataError: See `read_array`, or it is no vector of finite numbers, or not of
            the ``size`` of the others.
    """
    array = read_array(source, utt)
    usable = isinstance(array, np.ndarray) and array.dtype.kind in "fi" and array.size
    vector = np.asarray(array, np.float32).squeeze() if usable else None
    if vector is None or vector.ndim != 1 or not np.isfinite(vector).all():
        raise DataError(
            f"utterance {utt} ({source}) is no vector of finite numbers, expected an "
            "embedding"
        )
    if size is not None and len(vector) != size:
        raise DataError(
            f"utterance {utt} ({source}) is a vector of {len(vector)} numbers, the "
            f"others are of {size}"
        )
    return vector


def read_vectors(table: dict[str, str], path: str | Path) -> dict[str, np.ndarray]:
    """Read the embeddings (D,) of a table, all of one size.

    Raises:
        DataError: See `read_vector`; the message names the table ``path``.
    """
    vectors: dict[str, np.ndarray] = {}
    size = None
    for utt, source in table.items():
        try:
            vectors[utt] = read_vector(source, utt, size)
        except DataError as error:
            raise DataError(f"{path}, {error}") from None
        size = len(vectors[utt])
    return vectors
