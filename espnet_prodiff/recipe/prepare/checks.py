"""Row by row: can its text be read, can its recording be learnt from?"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import soundfile
from tqdm import tqdm

from espnet_prodiff.errors import TextError
from espnet_prodiff.recipe.prepare.entries import Entry
from espnet_prodiff.recipe.prepare.recordings import Limits, take_recording
from espnet_prodiff.recipe.prepare.sources import Row
from espnet_prodiff.recipe.prepare.texts import TextReader, count_phones

RATES = (22050, 16000)  # of a voice: the highest that most recordings reach
FEW = 200  # recordings for which other processes do not pay
OUTLIER, ENOUGH = 2.0, 10  # times the speaker's median, where there are so many


def check_texts(rows: Sequence[Row], read: TextReader) -> list[Entry]:
    """Return an entry for each row, with its tokens or the reason why it has none."""
    entries, seen = [], set()
    for row in tqdm(rows, "texts", unit="utt", mininterval=1.0, disable=None):
        entry = Entry(row.name, row.where, row.speaker)
        entries.append(entry)
        key = row.speaker, row.name
        if row.audio is None:
            entry.reason, entry.detail = "missing audio", row.problem
        elif row.problem:
            entry.reason, entry.detail = "bad row", row.problem
        elif row.text is None:
            entry.reason = "missing text"
        elif key in seen:
            entry.reason, entry.detail = "duplicate id", "the first of them was taken"
        else:
            seen.add(key)
            try:
                entry.tokens = read(row.text)
            except TextError as error:
                entry.reason, entry.detail = "symbols", str(error)
    return entries


def common_rate(rows: Sequence[Row], entries: Sequence[Entry]) -> int:
    """Return the sampling rate in Hz that nine of ten recordings have or surpass."""
    rates = []
    for row, entry in zip(rows, entries, strict=True):
        if not entry.reason:
            audio = row.audio
            try:
                file = io.BytesIO(audio) if isinstance(audio, bytes) else str(audio)
                rates.append(soundfile.info(file).samplerate)
            except (soundfile.SoundFileError, OSError, RuntimeError):
                continue  # it will be left out, as unreadable
    for rate in RATES:
        if sum(r >= rate for r in rates) >= 0.9 * len(rates):
            return rate
    return RATES[-1]


def check_recordings(
    rows: Sequence[Row],
    entries: Sequence[Entry],
    folder: Path,
    fs: int,
    limits: Limits,
    nj: int,
) -> None:
    """Write ``<id>.wav`` of what can be learnt from; enter measures and reasons.

    Args:
        rows: Of the user.
        entries: Of the same rows, with ids where they may be taken.
        folder: Where the waves go.
        fs: Their sampling rate in Hz.
        limits: What is left out.
        nj: Processes.
    """
    todo = [(r, e) for r, e in zip(rows, entries, strict=True) if not e.reason]
    take = partial(take_recording, fs=fs, limits=limits)
    jobs = (
        [row.audio for row, _ in todo],
        [folder / f"{entry.utt}.wav" for _, entry in todo],
        [count_phones(entry.tokens) for _, entry in todo],
    )
    with ExitStack() as stack:
        run: Callable[..., Iterator[Any]] = map
        if nj > 1 and len(todo) > FEW:
            pool = ProcessPoolExecutor(nj, get_context("spawn"))
            run = partial(stack.enter_context(pool).map, chunksize=8)
        bar = tqdm(
            run(take, *jobs), "recordings", len(todo), unit="utt", mininterval=1.0
        )
        for (_, entry), checked in zip(todo, bar, strict=True):
            entry.measures = checked.measures
            entry.reason, entry.detail = checked.reason, checked.detail


def check_rates(entries: Sequence[Entry]) -> None:
    """Leave out what is twice as slow or fast as is usual for the speaker.

    Where the text is not what was said, that shows it.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        if not entry.reason and entry.measures:
            rates[entry.speaker].append(entry.measures.rate)
    usual = {s: median(values) for s, values in rates.items() if len(values) >= ENOUGH}
    for entry in entries:
        middle = usual.get(entry.speaker)
        if entry.reason or middle is None or not entry.measures:
            continue
        rate = entry.measures.rate
        if not middle / OUTLIER <= rate <= middle * OUTLIER:
            entry.reason = "speech rate"
            entry.detail = (
                f"{rate:.1f} phones a second, the speaker's median is {middle:.1f}: "
                "is the text what was said?"
            )
