"""Tables, token lists and statistics of a training, checked before it begins."""

import argparse
import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.tables import check_id, read_durations, read_table

FEW_FILES = 100  # of a folder: each is asked for, the folder may be far larger
# ESPnet's types that are tables with a line for each utterance.
TABLES = ("text", "text_int", "text_float", "sound", "npy", "kaldi_ark")
HOW_TO_GET_DURATIONS = (
    "give tts.sh --teacher_dumpdir <dir> with <dir>/<set>/durations (from MFA, a "
    "Tacotron 2 teacher, or the learned aligner: python3 -m espnet_prodiff.bin.align)"
)


def check_tables(files: Sequence[tuple[str, str, str]], shapes: Path | None) -> None:
    """Check that every table of a set has its utterances, and its files are there.

    Args:
        files: Path, name and type of each.
        shapes: The table of the utterances; None: do not compare.

    Raises:
        DataError: The message names the table and the utterance.
    """
    wanted = read_table(shapes) if shapes else {}
    for utt in wanted:
        check_id(utt, str(shapes))
    for path, name, kind in files:
        table_path = Path(path)
        if table_path.is_dir() or kind not in TABLES:
            continue  # lists in splits, archives
        if not table_path.is_file():
            how = f": {HOW_TO_GET_DURATIONS}" if name == "durations" else ""
            raise DataError(f"{path} ({name}) does not exist{how}")
        table = read_table(table_path)
        if kind == "text_int" and name == "durations":
            if not all(_are_digits(line) for line in table.values()):
                read_durations(table_path)  # names the line
        missing = sorted(wanted.keys() - table.keys())
        if missing:
            raise DataError(
                f"{path} ({name}) lacks {len(missing)} of the utterances of {shapes}: "
                f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}. Make "
                "them or take the utterances out of the data directory"
            )
        if kind in ("sound", "npy"):
            for utt in _without_file({utt: table[utt] for utt in wanted or table}):
                raise DataError(f"{path}, utterance {utt}: {table[utt]} does not exist")


def _are_digits(line: str) -> bool:
    return line.isascii() and line.replace(" ", "").isdigit()


def _without_file(table: Mapping[str, str]) -> Iterator[str]:
    """Yield the keys whose file is not there; commands and archives are not files.

    By the lists of folders: asking for each of a large corpus takes half a second.
    """
    folders: dict[str, list[str]] = {}
    for utt, value in table.items():
        if not value.endswith("|") and ".ark:" not in value:
            folders.setdefault(value.rpartition("/")[0], []).append(utt)
    for folder, utts in folders.items():
        found: set[str] = set()
        if len(utts) > FEW_FILES:
            with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
                found = {entry.name for entry in entries if entry.is_file()}
        for utt in utts:
            if table[utt].rpartition("/")[2] not in found:
                if not Path(table[utt]).is_file():
                    yield utt


def check_ids(file: Path, count: int, name: str) -> None:
    """Check labels, speakers or languages: whole numbers from 0 to ``count`` - 1.

    Raises:
        DataError: The message names the utterance.
    """
    for uid, value in read_table(file).items():
        if not (value.isascii() and value.isdigit()) or int(value) >= count:
            raise DataError(
                f"{file}, utterance {uid}: its label is {value!r}, expected one from 0 "
                f"to {count - 1} ({name} of tts_conf is {count}; ESPnet's utt2sid "
                "counts from 1, so it is the speakers and one more)"
            )


def check_tokens(args: argparse.Namespace) -> None:
    """Check the token list of a training.

    Raises:
        DataError: It is missing, empty, has a token twice, or lacks what ESPnet needs.
    """
    tokens, where = args.token_list, "token_list"
    if isinstance(tokens, str):
        where = tokens
        if not Path(tokens).is_file():
            raise DataError(f"{tokens} does not exist: run stage 5 first")
        try:
            lines = Path(tokens).read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{tokens} is not UTF-8 text: {error}") from None
        tokens = lines if lines[-1] else lines[:-1]
    twice = (
        {token for token in tokens if tokens.count(token) > 1}
        if (len(set(tokens)) < len(tokens))
        else set()
    )
    if twice:
        found = f"{sorted(twice)[0]!r} twice"
    elif "<unk>" not in tokens:
        found = f"{len(tokens)} tokens without <unk>"
    elif tokens[-1] != "<sos/eos>":
        found = f"{tokens[-1]!r} as the last token, expected <sos/eos>"
    else:
        return
    raise DataError(f"{where} has {found}: make it anew with stage 5")


def read_statistics(file: Path, bins: int | None = None) -> tuple[int, int]:
    """Check sums over features; return their frames and their size.

    Args:
        file: ``*_stats.npz``.
        bins: The size that the features have.

    Raises:
        DataError: It is missing or none, not of finite numbers, of another size, or of
            features that never vary.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist: run stage 6 first")
    try:
        with np.load(file, allow_pickle=False) as stats:
            count = float(stats["count"])
            sums = np.asarray(stats["sum"], np.float64)
            squares = np.asarray(stats["sum_square"], np.float64)
    except Exception as error:  # arbitrary bytes trip numpy in any way
        raise DataError(
            f"{file} holds no statistics ({type(error).__name__}): run stage 6 again"
        ) from error
    found = None
    if sums.ndim != 1 or sums.shape != squares.shape or not len(sums):
        found = f"sums of the shapes {sums.shape} and {squares.shape}"
    elif bins is not None and len(sums) != bins:
        kind = "mel bins" if bins != 1 else "values a frame"
        found = f"statistics of {len(sums)} {kind}, but the features have {bins}"
    elif not (count > 0 and np.isfinite(sums).all() and np.isfinite(squares).all()):
        found = "numbers that are not finite, or no frames"
    elif (squares / count - (sums / count) ** 2 <= 0).any():
        found = "a feature that is the same in every frame (its variance is 0)"
    if found:
        raise DataError(
            f"{file} holds {found}: run stage 6 again with the same options and data"
        )
    return int(count), len(sums)
