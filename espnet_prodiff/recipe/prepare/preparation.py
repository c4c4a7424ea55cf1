"""From a folder of recordings to a recipe directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_prodiff.errors import DataError, InputError, check_choice
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.tables import write_table
from espnet_prodiff.recipe.data_dir import sort_by_key, spk2utt_from
from espnet_prodiff.recipe.prepare import huggingface, sources
from espnet_prodiff.recipe.prepare.checks import (
    check_rates,
    check_recordings,
    check_texts,
    common_rate,
)
from espnet_prodiff.recipe.prepare.columns import Columns
from espnet_prodiff.recipe.prepare.entries import Entry, count_reasons
from espnet_prodiff.recipe.prepare.names import safe_names
from espnet_prodiff.recipe.prepare.recipe_files import Corpus, write_recipe
from espnet_prodiff.recipe.prepare.recordings import SILENT_ENDS, Limits
from espnet_prodiff.recipe.prepare.report import write_report
from espnet_prodiff.recipe.prepare.splits import TEST, TRAIN, VALID, split
from espnet_prodiff.recipe.prepare.texts import TextReader, check_g2p, choose_g2p

LOWEST, HIGHEST = 8000, 48000  # Hz, of a voice


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    Attributes:
        folder: With the recordings, at any depth.
        output: The recipe directory; it must not exist, or be empty.
        table: Transcripts; None: the folder's own table, or a .txt for each recording.
        columns: Of the table.
        speakers: "auto" (a column of the table where it has one), "column",
            "subfolder" (of the folder, by its first part) or "one".
        language: "en", or espeak's name of a language.
        g2p: "auto", "lexicon" or "espeak".
        fs: Sampling rate of the voice in Hz; None: 22,050 or 16,000.
        limits: What is left out.
        nj: Processes.
        command: What makes it again, for local/data.sh.
    """

    folder: Path
    output: Path
    table: Path | None = None
    columns: Columns = Columns()
    speakers: str = "auto"
    language: str = "en"
    g2p: str = "auto"
    fs: int | None = None
    limits: Limits = field(default_factory=Limits)
    nj: int = 1
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Prepared:
    """What a preparation made: how it read the folder, and numbers to show."""

    how: list[str]
    taken: int
    minutes: float
    left_out: dict[str, int]


def prepare(request: Request) -> Prepared:
    """Make a recipe directory; the user's files are only read.

    Raises:
        UserError: A file, column or option cannot be used, or nothing is left.
        FileNotFoundError: The folder does not exist.
        ModuleNotFoundError: A package for the language or the data is missing.
    """
    check_choice("--silent_ends", request.limits.silent_ends, SILENT_ENDS)
    check_choice("--speakers", request.speakers, sources.SPEAKERS)
    check_g2p(request.g2p, request.language)
    if request.fs is not None and not LOWEST <= request.fs <= HIGHEST:
        raise InputError(
            f"--fs is {request.fs}, expected {LOWEST} to {HIGHEST} Hz, such as 22050"
        )
    output = request.output
    if not request.folder.is_dir():
        raise FileNotFoundError(f"folder {request.folder} does not exist")
    unfinished = output / ".preparing"  # of an earlier preparation, to be made anew
    is_free = not output.exists() or unfinished.exists()
    if not is_free and (not output.is_dir() or any(output.iterdir())):
        raise InputError(
            f"{output} is there already: remove it, or choose another with -o"
        )
    source = _read_source(request)
    write_text(unfinished, "")
    g2p = choose_g2p(request.g2p, request.language, output / "data" / "lexicon")
    rows = source.rows
    entries = check_texts(rows, TextReader(g2p))
    fs = request.fs or common_rate(rows, entries)
    how = [*source.how, f"language: {request.language}, g2p: {g2p.name}, {fs} Hz"]
    speakers = _name(entries)
    check_recordings(rows, entries, output / "wavs", fs, request.limits, request.nj)
    check_rates(entries)
    taken = {e.utt: (e, row) for e, row in zip(entries, rows, strict=True) if e.utt}
    for utt in [u for u, (e, _) in taken.items() if e.reason]:
        (output / "wavs" / f"{utt}.wav").unlink(missing_ok=True)
        taken.pop(utt)[0].utt = ""
    if not taken:
        write_report(output, entries, how, g2p.tokens)
        reasons = ", ".join(f"{r}: {n}" for r, n in count_reasons(entries).items())
        raise DataError(f"nothing is left ({reasons}): see {output}/report.md")
    texts = {utt: row.text or "" for utt, (_, row) in taken.items()}
    parts = split(texts, {utt: e.speaker for utt, (e, _) in taken.items()})
    for utt, (entry, _) in taken.items():
        entry.part = parts[utt]
    _write_data(output / "data", taken, speakers, g2p.tokens)
    write_report(output, entries, how, g2p.tokens)
    good = [entry for entry, _ in taken.values()]
    minutes = sum(e.measures.seconds for e in good if e.measures) / 60
    corpus = Corpus(
        language=request.language,
        g2p=g2p.name,
        g2p_conf=g2p.conf,
        fs=fs,
        minutes=round(minutes, 2),
        train_utterances=sum(e.part == TRAIN for e in good),
        speakers=sorted({speakers[e.speaker] for e in good}),
        source=str(request.folder.resolve()),
    )
    write_recipe(output, corpus, request.command)
    unfinished.unlink()
    return Prepared(how, len(good), minutes, count_reasons(entries))


def _read_source(request: Request) -> sources.Source:
    files = sources.AudioFiles(request.folder, request.output)
    table = request.table or sources.find_table(request.folder)
    if table is None and huggingface.is_dataset(request.folder):
        return huggingface.read_dataset(
            request.folder, request.columns, request.speakers
        )
    if not files.files:
        kinds = ", ".join(sources.AUDIO)
        raise DataError(f"{request.folder} holds no recordings ({kinds})")
    if table is not None:
        return sources.read_table_rows(table, files, request.columns, request.speakers)
    return sources.read_text_files(files, request.speakers)


def _name(entries: Sequence[Entry]) -> dict[str, str]:
    """Give a safe id to what may be taken; that of several speakers begins with them.

    Returns the safe names of the speakers.
    """
    good = [entry for entry in entries if not entry.reason]
    speakers = safe_names({entry.speaker: entry.speaker for entry in good})
    several = len(speakers) > 1
    names = safe_names(
        {
            (e.speaker, e.name): f"{speakers[e.speaker]}-{e.name}"
            if several
            else e.name
            for e in good
        }
    )
    for entry in good:
        entry.utt = names[entry.speaker, entry.name]
    return speakers


def _write_data(
    folder: Path,
    taken: Mapping[str, tuple[Entry, sources.Row]],
    speakers: Mapping[str, str],
    tokens: Sequence[str],
) -> None:
    """Write Kaldi's tables of the sets; ``sentences`` are what ``text`` was made of."""
    for part in (TRAIN, VALID, TEST):
        members = {u: pair for u, pair in taken.items() if pair[0].part == part}
        utt2spk = {u: speakers[e.speaker] for u, (e, _) in members.items()}
        tables = {
            "wav.scp": {u: f"wavs/{u}.wav" for u in members},
            "text": {u: " ".join(e.tokens) for u, (e, _) in members.items()},
            "sentences": {
                u: " ".join((r.text or "").split()) for u, (_, r) in members.items()
            },
            "utt2spk": utt2spk,
        }
        for name, table in tables.items():
            write_table(folder / part / name, sort_by_key(table))
        write_table(folder / part / "spk2utt", spk2utt_from(sort_by_key(utt2spk)))
    write_table(folder / "tokens", {"tokens": " ".join(tokens)})
