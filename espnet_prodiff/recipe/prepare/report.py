"""What was taken, what was left out and why: a page, a table and a picture."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.figures import new_figure, save_figure
from espnet_prodiff.recipe.prepare.entries import Entry, count_reasons
from espnet_prodiff.recipe.prepare.recordings import Measures, as_row
from espnet_prodiff.recipe.prepare.splits import TEST, TRAIN, VALID

SET_NAMES = {TRAIN: "train", VALID: "validation", TEST: "test"}
SHOWN = 5  # utterances of each reason on the page; the table has all
RARE = 5  # tokens that the training set has less often are named


def write_report(
    folder: Path, entries: Sequence[Entry], how: Sequence[str], tokens: Sequence[str]
) -> None:
    """Write ``report.md``, ``report.csv`` and ``report.png`` into a folder.

    Args:
        folder: The recipe directory.
        entries: Of every row.
        how: How the folder was read, a line each.
        tokens: The fixed list.
    """
    _write_csv(folder / "report.csv", entries)
    taken = [entry for entry in entries if not entry.reason]
    save_figure(_figure(entries), folder / "report.png")
    lines = ["# What was prepared", "", *(f"- {line}" for line in how), ""]
    lines += ["| set | utterances | minutes | speakers |", "|---|---:|---:|---:|"]
    for part, name in SET_NAMES.items():
        members = [entry for entry in taken if entry.part == part]
        minutes = sum(e.measures.seconds for e in members if e.measures) / 60
        speakers = len({entry.speaker for entry in members})
        lines.append(f"| {name} | {len(members)} | {minutes:.1f} | {speakers} |")
    lines += ["", "![distributions](report.png)", "", "## Left out", ""]
    lines += _left_out(entries)
    lines += ["", "## Tokens", "", *_tokens(taken, tokens), ""]
    write_text(folder / "report.md", "\n".join(lines))


def _left_out(entries: Sequence[Entry]) -> list[str]:
    reasons = count_reasons(entries)
    if not reasons:
        return ["Nothing."]
    lines = ["Every utterance has its line in report.csv.", ""]
    for reason, number in reasons.items():
        lines.append(f"- **{reason}**: {number}")
        some = [entry for entry in entries if entry.reason == reason]
        for entry in some[:SHOWN]:
            detail = f": {entry.detail}" if entry.detail else ""
            lines.append(f"    - {entry.name} ({entry.where}){detail}")
        if number > SHOWN:
            lines.append(f"    - and {number - SHOWN} more")
    return lines


def _tokens(taken: Sequence[Entry], tokens: Sequence[str]) -> list[str]:
    heard = Counter(t for e in taken if e.part == TRAIN for t in e.tokens)
    lines = [
        f"The model's list has {len(tokens)} tokens, the same for every corpus of this "
        f"language; the training set holds {len(heard)} of them."
    ]
    rare = [f"`{t}` {n}" for t, n in heard.most_common()[::-1] if n < RARE]
    if rare:
        shown = ", ".join(rare)
        lines.append(f"Heard less than {RARE} times, so they may sound odd: {shown}.")
    return lines


def _write_csv(path: Path, entries: Sequence[Entry]) -> None:
    titles = list(Measures.__dataclass_fields__)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    head = ["name", "where", "speaker", "status", "reason", "detail", "id", "set"]
    writer.writerow([*head, *titles])
    for e in entries:
        measures: Mapping[str, float | int] = as_row(e.measures)
        status = "left out" if e.reason else "taken"
        words = [e.name, e.where, e.speaker, status, e.reason, e.detail, e.utt, e.part]
        writer.writerow([*words, *(measures.get(title, "") for title in titles)])
    write_text(path, table.getvalue())


def _figure(entries: Sequence[Entry]) -> Figure:
    """Draw the distributions, what was taken and what was left out apart."""
    figure = new_figure(11, 6)
    panels = {
        "seconds": "speech, s",
        "rate": "phones a second",
        "level": "level, dB of full scale",
        "snr": "speech above the quietest tenth, dB",
        "fs": "sampling rate, Hz",
    }
    axes = figure.subplots(2, 3).ravel()
    measured = [entry for entry in entries if entry.measures is not None]
    for axis, (name, title) in zip(axes, panels.items(), strict=False):
        groups: dict[str, list[float]] = {"taken": [], "left out": []}
        for entry in measured:
            status = "left out" if entry.reason else "taken"
            groups[status].append(getattr(entry.measures, name))
        if measured:
            bins = np.histogram_bin_edges(sum(groups.values(), []), 30)
            style = {"stacked": True, "color": ["C0", "C3"], "label": list(groups)}
            axis.hist(list(groups.values()), bins, **style)
        axis.set_xlabel(title)
        axis.set_ylabel("utterances")
    if measured:
        axes[0].legend()
    speakers = Counter(entry.speaker for entry in entries if not entry.reason)
    most = speakers.most_common(20)
    axes[-1].barh([name for name, _ in most], [number for _, number in most], 0.5)
    axes[-1].set_xlabel("utterances taken, by speaker")
    return figure
