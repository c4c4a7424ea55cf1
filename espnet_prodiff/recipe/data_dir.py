"""Kaldi-style data directories: plain text tables, one utterance per line.

They leave the same files as Kaldi's ``copy_data_dir.sh``, ``fix_data_dir.sh`` and
``split_scp.pl`` (see https://kaldi-asr.org/doc/data_prep.html).
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import check_id, read_table, write_table

Item = TypeVar("Item")

UTTERANCE_TABLES = (
    "utt2spk", "utt2uniq", "feats.scp", "vad.scp", "text", "utt2lang", "utt2dur",
    "utt2num_frames", "wav.scp",
)  # fmt: skip
SPEAKER_TABLES = ("cmvn.scp", "spk2gender")
# Copied as they are.
OTHER_FILES = (
    "reco2file_and_channel", "reco2dur", "frame_shift", "stm", "glm", "ctm",
)  # fmt: skip
# Tables that may lack utterances of other tables: their lines only go along.
FOLLOWERS = ("utt2spk", "utt2uniq", "vad.scp", "utt2sid", "utt2lid")


def sort_by_key(table: Mapping[str, str]) -> dict[str, str]:
    """Sort as Kaldi does: by the bytes of the key."""
    return dict(sorted(table.items()))


def keep_keys(table: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Keep the lines whose key is among ``keys``."""
    kept = set(keys)
    return {k: v for k, v in table.items() if k in kept}


def spk2utt_from(utt2spk: Mapping[str, str]) -> dict[str, str]:
    """Return the utterances of each speaker, sorted by speaker."""
    utterances: dict[str, list[str]] = {}
    for utterance, speaker in utt2spk.items():
        utterances.setdefault(speaker, []).append(utterance)
    return sort_by_key({s: " ".join(u) for s, u in utterances.items()})


def split_evenly(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """Cut into ``parts`` runs of equal length, the first ones one longer."""
    size, longer = divmod(len(items), parts)
    ends = [size * (i + 1) + min(i + 1, longer) for i in range(parts)]
    return [items[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def split_table(path: Path, parts: Sequence[Path]) -> None:
    """Split a table's lines evenly over the files ``parts``."""
    lines = list(read_table(path).items())
    for part, some in zip(parts, split_evenly(lines, len(parts)), strict=True):
        write_table(part, dict(some))


def join_tables(paths: Iterable[Path]) -> dict[str, str]:
    """Read several tables as one, in their order."""
    return {k: v for path in paths for k, v in read_table(path).items()}


def check_data_dir(directory: Path) -> None:
    """Refuse an incomplete set.

    Raises:
        UserError: A table is missing or empty, an utterance has no speaker, or the
            utterances of ``utt2spk``, ``text`` and (without ``segments``) ``wav.scp``
            are not the same.
    """
    utt2spk = read_table(directory / "utt2spk")
    if not utt2spk:
        raise UserError(f"{directory / 'utt2spk'} is empty, expected utterances")
    for utterance, speaker in utt2spk.items():
        check_id(utterance, str(directory / "utt2spk"))
        if len(speaker.split()) != 1:
            raise UserError(
                f"{directory / 'utt2spk'}: utterance {utterance} has speaker "
                f"'{speaker}', expected one name"
            )
    audio = "segments" if (directory / "segments").exists() else "wav.scp"
    for name in ("text", audio):
        keys = read_table(directory / name)
        for missing in [u for u in utt2spk if u not in keys][:1]:
            raise UserError(f"{directory / name} lacks utterance {missing}")
        for extra in [u for u in keys if u not in utt2spk][:1]:
            raise UserError(f"{directory / 'utt2spk'} lacks utterance {extra}")


def copy_data_dir(source: Path, target: Path) -> None:
    """Copy a set's tables, sorted; move aside those that only ``target`` has.

    Raises:
        UserError: See `check_data_dir`.
    """
    check_data_dir(source)
    utt2spk = sort_by_key(read_table(source / "utt2spk"))
    write_table(target / "utt2spk", utt2spk)
    write_table(target / "spk2utt", spk2utt_from(utt2spk))
    for name in (*UTTERANCE_TABLES[1:], *SPEAKER_TABLES, "segments"):
        if (source / name).exists():
            write_table(target / name, sort_by_key(read_table(source / name)))
    for name in OTHER_FILES:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    for name in (*UTTERANCE_TABLES[1:], "cmvn.scp", "reco2file_and_channel"):
        if (target / name).exists() and not (source / name).exists():
            (target / ".backup").mkdir(exist_ok=True)
            os.replace(target / name, target / ".backup" / name)


def filter_to_common_utterances(directory: Path, extra: Sequence[str] = ()) -> None:
    """Keep the utterances that every table, also of ``extra``, has; back up the rest.

    Raises:
        UserError: No utterance is left.
    """
    names = [n for n in (*UTTERANCE_TABLES, *extra) if (directory / n).exists()]
    tables = {n: sort_by_key(read_table(directory / n)) for n in names}
    common = set(tables["utt2spk"])
    for name in set(names) - set(FOLLOWERS):
        common &= set(tables[name])
    if not common:
        raise UserError(f"{directory}: no utterance is in all of: {', '.join(names)}")
    backup = directory / ".backup"
    for name in names:
        write_table(backup / name, tables[name])
        write_table(directory / name, keep_keys(tables[name], common))
    write_table(backup / "spk2utt", spk2utt_from(tables["utt2spk"]))
    spk2utt = spk2utt_from(keep_keys(tables["utt2spk"], common))
    write_table(directory / "spk2utt", spk2utt)
    for name in SPEAKER_TABLES:
        if (directory / name).exists():
            table = sort_by_key(read_table(directory / name))
            write_table(backup / name, table)
            write_table(directory / name, keep_keys(table, spk2utt))
