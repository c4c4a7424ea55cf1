"""A text of any length as sentences, with the pauses between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from espnet_prodiff.errors import TextError, check_positive
from espnet_prodiff.inference.clauses import KEPT, clauses
from espnet_prodiff.inference.sentence_ends import CLOSERS, STOPS, sentence_ends

MAX_CHARS = 250  # about 15 seconds of speech: what models are trained on
# Seconds. A model speaks the end of a sentence itself; these are what is between two.
PARAGRAPH_PAUSE = 0.7
LINE_PAUSE = 0.4
SENTENCE_PAUSE = 0.3
CLAUSE_PAUSES = {
    0.2: ";:\uff1b\uff1a\u061b-\u2013\u2014\u2015",
    0.1: ",|\u3001\uff0c\u060c\u1363\u104a",
}
LONGEST_BREAK = 60.0
LEAST_WRAP = 40  # characters: lines of less are lines of a poem or a list

BREAK = re.compile(r"<break\b([^<>]*)>", re.IGNORECASE)
BREAK_TIME = re.compile(
    r"""\s*time\s*=\s*["']?\s*(\d*\.?\d+)\s*(ms|s)\s*["']?\s*/?\s*"""
)
PHONEMES = re.compile(r"\[\[(?:(?!\[\[).)*?\]\]")
PARAGRAPHS = re.compile(
    r"(?:\r\n|[\n\r\v\f\x85\u2028])[^\S\n\r]*(?:\r\n|[\n\r\v\f\x85\u2028])\s*|\u2029|\f"
)
LINES = re.compile(r"\r\n|[\n\r\v\x85\u2028]")


class Sentence(NamedTuple):
    """A piece of a text, and the silence behind it in seconds."""

    text: str
    pause: float


def split_sentences(text: str, max_chars: int = MAX_CHARS) -> list[Sentence]:
    """Split a text into sentences, and long ones into clauses.

    Nothing is lost: the pieces joined are the text but for white space and break tags.
    A line break ends a sentence unless the line is as long as its neighbours let it be
    (wrapped text). ``<break time="300ms"/>`` is a pause of that length, one before the
    first word is left out. Phonemes in ``[[ ]]`` are never torn. What holds neither
    letter nor digit goes with its neighbour.

    Args:
        text: Any text.
        max_chars: Longest piece, in characters.

    Returns:
        The pieces, none of them empty. The last one's pause is 0 but for a break tag.

    Raises:
        TextError: A break tag without a time that can be understood.
        UserError: ``max_chars`` is not above 0.
    """
    check_positive("max_chars", max_chars)
    pieces: list[Sentence] = []
    begin, unspoken = 0, ""  # punctuation before the first word
    for match in [*BREAK.finditer(text), None]:
        part = text[begin : match.start() if match else len(text)]
        first = len(pieces)
        for piece in _pieces(part, max_chars):
            if any(map(str.isalnum, piece.text)):
                pieces.append(Sentence(unspoken + piece.text, piece.pause))
                unspoken = ""
            elif len(pieces) > first:
                last = pieces[-1]
                joined = f"{last.text} {piece.text}"
                pieces[-1] = Sentence(joined, max(last.pause, piece.pause))
            else:
                unspoken += piece.text + " "
        begin = match.end() if match else len(text)
        if pieces:
            old = 0.0 if len(pieces) > first else pieces[-1].pause
            pause = old + (_break_seconds(match) if match else 0.0)
            pieces[-1] = pieces[-1]._replace(pause=pause)
        elif match:
            _break_seconds(match)
    if unspoken and pieces:
        last = pieces[-1]
        pieces[-1] = last._replace(text=f"{last.text} {unspoken.rstrip()}")
    elif unspoken:
        pieces = [Sentence(unspoken.rstrip(), 0.0)]
    return pieces


def one_line(text: str) -> str:
    """Return a text without line breaks: a line that ends bare gets a point.

    A text of one line is not touched.
    """
    if not LINES.search(text) and "\f" not in text and "\u2029" not in text:
        return text
    lines = [line for part in PARAGRAPHS.split(text) for line in _unwrapped(part)]
    ended = [
        line + "." if line.rstrip(CLOSERS)[-1:].isalnum() else line
        for line in lines[:-1]
    ]
    return " ".join([*ended, *lines[-1:]])


def _break_seconds(match: re.Match) -> float:
    time = BREAK_TIME.fullmatch(match.group(1))
    seconds = float(time[1]) / (1000 if time[2] == "ms" else 1) if time else -1.0
    if not 0 <= seconds <= LONGEST_BREAK:
        raise TextError(
            f"{match.group()} has no time that can be used: expected <break "
            f'time="300ms"/> or <break time="1.5s"/>, {LONGEST_BREAK:g} s at most'
        )
    return seconds


def _pieces(text: str, max_chars: int) -> Iterator[Sentence]:
    for paragraph in PARAGRAPHS.split(text):
        lines = list(_unwrapped(paragraph))
        for number, line in enumerate(lines, 1):
            pause = PARAGRAPH_PAUSE if number == len(lines) else LINE_PAUSE
            yield from _of_line(line, max_chars, pause)


def _unwrapped(paragraph: str) -> Iterator[str]:
    """Yield the lines that were meant: wrapped ones are joined, empty ones left out.

    A line was wrapped if the next one's first word did not fit in the longest's width,
    or, among lines nearly as long, is written small.
    """
    lines = [" ".join(line.split()) for line in LINES.split(paragraph)]
    lines = [line for line in lines if line]
    width = max(map(len, lines), default=0)
    meant: list[str] = []
    last = 0
    for line in lines:
        word = line.split(" ", 1)[0]
        full = last + 1 + len(word) > width or (
            line[0].islower() and last > 0.6 * width
        )
        if meant and width >= LEAST_WRAP and full:
            meant.append(line)
        else:
            if meant:
                yield " ".join(meant)
            meant = [line]
        last = len(line)
    if meant:
        yield " ".join(meant)


def _of_line(line: str, max_chars: int, pause: float) -> Iterator[Sentence]:
    masked = PHONEMES.sub(lambda match: KEPT * len(match.group()), line)
    begin = 0
    for sentence_end in (*sentence_ends(masked), len(line)):
        for end in clauses(masked, begin, sentence_end, max_chars):
            piece = line[begin:end].strip()
            if piece:
                yield Sentence(piece, pause if end == len(line) else _pause(piece))
            begin = end


def _pause(piece: str) -> float:
    mark = piece.rstrip(CLOSERS)[-1:]
    if mark and mark in STOPS:
        return SENTENCE_PAUSE
    return next(
        (p for p, marks in CLAUSE_PAUSES.items() if mark and mark in marks), 0.0
    )
