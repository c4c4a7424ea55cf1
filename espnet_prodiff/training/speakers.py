"""The names of speakers and languages, whose ids a training is given."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from espnet_prodiff.fileio.tables import read_table

# By ESPnet's name of the ids: the table of names beside theirs, and the config's entry.
NAMED = {"sids": ("utt2spk", "speakers"), "lids": ("utt2lang", "languages")}


def names_of_ids(
    files: Iterable[Sequence[str]], kind: str, known: dict[str, int] | None = None
) -> dict[str, int]:
    """Return the ids of a training set's speakers or languages by name.

    Args:
        files: ESPnet's ``data_path_and_name_and_type``.
        kind: "sids" or "lids".
        known: Names and ids to begin with.
    """
    names = dict(known or {})
    for path, name, _ in files:
        table = Path(path).with_name(NAMED[kind][0])
        if name == kind and table.is_file():
            ids, of = read_table(path), read_table(table)
            names |= {of[utt]: int(number) for utt, number in ids.items() if utt in of}
    return dict(sorted(names.items(), key=lambda item: item[1]))


def write_names(args: argparse.Namespace) -> None:
    """Enter the names into a training's config, for `Text2Speech` and fine-tuning."""
    for kind, (_, entry) in NAMED.items():
        files = args.train_data_path_and_name_and_type or []
        if names := names_of_ids(files, kind, getattr(args, entry, None)):
            setattr(args, entry, names)
