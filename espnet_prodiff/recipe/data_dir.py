"""Kaldi-style data directories: plain text tables, one utterance per line.

What Kaldi's ``copy_data_dir.sh``, ``fix_data_dir.sh`` and ``split_scp.pl`` leave on
disk, these functions leave too (see https://kaldi-asr.org/doc/data_prep.html).
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import read_table, write_table

Item = TypeVar("Item")

UTTERANCE_TABLES = (
    "utt2spk", "utt2uniq", "feats.scp", "vad.scp", "text", "utt2lang", "utt2dur",
    "utt2num_frames", "wav.scp",
)  # fmt: skip
SPEAKER_TABLES = ("cmvn.scp", "spk2gender")
# Tables whose utterances are not complete by themselves: they decide nothing.
FOLLOWERS = ("utt2spk", "utt2uniq", "vad.scp", "utt2sid", "utt2lid")


def by_key(table: Mapping[str, str]) -> dict[str, str]:
    """Sort as Kaldi wants it: by the bytes of the key."""
    return dict(sorted(table.items()))


def only(table: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Keep the lines whose key is among ``keys``."""
    wanted = set(keys)
    return {k: v for k, v in table.items() if k in wanted}


def speakers(utt2spk: Mapping[str, str]) -> dict[str, str]:
    """Make ``spk2utt`` of ``utt2spk``."""
    found: dict[str, list[str]] = {}
    for utterance, speaker in utt2spk.items():
        found.setdefault(speaker, []).append(utterance)
    return {s: " ".join(u) for s, u in found.items()}


def split(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """Cut into ``parts`` runs of equal length, the first ones one longer."""
    size, longer = divmod(len(items), parts)
    ends = [size * (i + 1) + min(i + 1, longer) for i in range(parts)]
    return [items[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def split_table(path: Path, names: Sequence[Path]) -> None:
    """Split a table's lines over the files ``names``."""
    lines = list(read_table(path).items())
    for name, part in zip(names, split(lines, len(names)), strict=True):
        write_table(name, dict(part))


def check(directory: Path) -> None:
    """Check that a set is complete.

    Raises:
        UserError: A table is missing or empty, an utterance has no speaker, or the
            utterances of ``utt2spk``, ``text`` and (without ``segments``) ``wav.scp``
            are not the same.
    """
    utt2spk = read_table(directory / "utt2spk")
    if not utt2spk:
        raise UserError(f"{directory / 'utt2spk'} is empty, expected utterances")
    for utterance, speaker in utt2spk.items():
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


def copy(source: Path, target: Path) -> None:
    """Copy a set's tables, sorted; move aside what only ``target`` has."""
    check(source)
    utt2spk = by_key(read_table(source / "utt2spk"))
    write_table(target / "utt2spk", utt2spk)
    write_table(target / "spk2utt", by_key(speakers(utt2spk)))
    for name in (*UTTERANCE_TABLES[1:], *SPEAKER_TABLES, "segments"):
        if (source / name).exists():
            write_table(target / name, by_key(read_table(source / name)))
    for name in (
        "reco2file_and_channel",
        "reco2dur",
        "frame_shift",
        "stm",
        "glm",
        "ctm",
    ):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    for name in (*UTTERANCE_TABLES[1:], "cmvn.scp", "reco2file_and_channel"):
        if (target / name).exists() and not (source / name).exists():
            (target / ".backup").mkdir(exist_ok=True)
            os.replace(target / name, target / ".backup" / name)


def fix(directory: Path, extra: Sequence[str] = ()) -> None:
    """Keep only the utterances that every table has; old tables go to ``.backup``.

    Args:
        directory: The set.
        extra: Further tables by utterance, which are filtered along.

    Raises:
        UserError: No utterance is left.
    """
    names = [n for n in (*UTTERANCE_TABLES, *extra) if (directory / n).exists()]
    tables = {n: by_key(read_table(directory / n)) for n in names}
    kept = set(tables["utt2spk"])
    for name in set(names) - set(FOLLOWERS):
        kept &= set(tables[name])
    if not kept:
        raise UserError(f"{directory}: no utterance is in all of: {', '.join(names)}")
    backup = directory / ".backup"
    for name in names:
        write_table(backup / name, tables[name])
        write_table(directory / name, only(tables[name], kept))
    spk2utt = by_key(speakers(tables["utt2spk"]))
    write_table(backup / "spk2utt", spk2utt)
    spk2utt = by_key(speakers(only(tables["utt2spk"], kept)))
    write_table(directory / "spk2utt", spk2utt)
    for name in SPEAKER_TABLES:
        if (directory / name).exists():
            table = by_key(read_table(directory / name))
            write_table(backup / name, table)
            write_table(directory / name, only(table, spk2utt))
