"""Phones that a user gives: ``[[HH AH0 L OW1]]`` in a text, and words of a lexicon."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from espnet_prodiff.errors import DataError, TextError

PHONES = re.compile(r"\[\[((?:(?!\[\[).)*?)\]\]", re.DOTALL)
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
SEPARATOR = re.compile(r"\t+| {2,}")
SPACES = ("<space>", " ")


class Pronunciation:
    """Cuts a text into stretches for the g2p and tokens that are given."""

    def __init__(
        self,
        tokens: Collection[str],
        lexicon: str | Path | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """Keep a model's tokens, and read a lexicon.

        Args:
            tokens: Of the model.
            lexicon: A file with a word and its phones in each line, a tab or two
                spaces between them; ``#`` begins a comment. Words match in any case.
            aliases: Tokens by other names that users know them by.

        Raises:
            FileNotFoundError: The file does not exist.
            DataError: A line cannot be used; it is named.
        """
        self.tokens = frozenset(tokens)
        self.aliases = dict(aliases or {})
        self.longest = max(map(len, tokens))
        self.space = next((space for space in SPACES if space in self.tokens), None)
        self.lexicon = {} if lexicon is None else self._read_lexicon(Path(lexicon))
        others = [w for w in self.lexicon if not WORD.fullmatch(w)]  # "c++", "new york"
        found = "|".join(re.escape(w) for w in sorted(others, key=len, reverse=True))
        self.others = re.compile(rf"(?<!\w)(?:{found})(?!\w)", re.I) if found else None

    def stretches(self, text: str) -> Iterator[str | list[str]]:
        """Yield what is for the g2p as text, and what is given as tokens, in order.

        White space between them is a token where the model has one for it.

        Raises:
            TextError: ``[[ ]]`` holds what is not a token.
        """
        given = sorted(self._given(text))
        begin, last = 0, ""
        for start, end, tokens in [*given, (len(text), len(text), [])]:
            between = text[begin:start]
            if between.strip():
                if begin and between[0].isspace() and self.space:
                    yield [self.space]
                yield between.strip()
            if tokens:
                parted = start and text[start - 1].isspace() and text[:start].strip()
                if parted and (between or last) and self.space:
                    yield [self.space]
                yield tokens
            begin, last = end, text[end - 1 : end]

    def _given(self, text: str) -> Iterator[tuple[int, int, list[str]]]:
        spans = [match.span() for match in PHONES.finditer(text)]
        for match in PHONES.finditer(text):
            yield *match.span(), self._inline(match)
        if not self.lexicon:
            return
        found = list(self.others.finditer(text)) if self.others else []
        found += WORD.finditer(text)
        for match in found:
            start, end = match.span()
            entry = self.lexicon.get(match.group().lower().replace("\u2019", "'"))
            if entry and not any(a < end and start < b for a, b in spans):
                spans.append((start, end))
                yield start, end, entry

    def _inline(self, match: re.Match) -> list[str]:
        tokens, wrong = self.parse(match[1])
        if wrong is not None or not tokens:
            what = f"the phone {wrong!r}" if wrong else "no phones"
            raise TextError(
                f"{match.group()[:60]} has {what}, which is not one of the model's: "
                f"expected {self._some()}, separated by spaces"
                if wrong
                else f"{match.group()[:60]} has {what}: expected {self._some()}"
            )
        return tokens

    def parse(self, phones: str) -> tuple[list[str], str | None]:
        """Return phones as tokens, and the first that is none or None.

        ``HH AH0 L OW1`` are tokens separated by spaces; in ``h\u0259l\u02c8o\u028a``
        the longest that fit follow each other, and a space is one between words.
        """
        pieces = phones.split()
        words: list[list[str]] = []
        for piece in pieces:
            word = self._tokens_of(piece)
            if word is None:
                return [], piece
            words.append(word)
        single = all(len(word) == 1 for word in words)
        tokens: list[str] = []
        for word in words:
            if tokens and not single and self.space:
                tokens.append(self.space)
            tokens += word
        return tokens, None

    def _tokens_of(self, piece: str) -> list[str] | None:
        tokens = []
        piece = self.aliases.get(piece, piece)
        while piece:
            lengths = range(min(self.longest, len(piece)), 0, -1)
            length = next((n for n in lengths if piece[:n] in self.tokens), None)
            if length is None:
                return None
            tokens.append(piece[:length])
            piece = piece[length:]
        return tokens

    def _read_lexicon(self, path: Path) -> dict[str, list[str]]:
        entries: dict[str, list[str]] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            word, *rest = SEPARATOR.split(line.strip(), maxsplit=1)
            tokens, wrong = self.parse(rest[0]) if rest else ([], None)
            if wrong or not tokens:
                why = f"the phone {wrong!r} is not one of the model's" if wrong else ""
                raise DataError(
                    f"{path}:{number}: {line.strip()[:60]!r}: "
                    f"{why or 'no phones'}; expected a word, a tab or two spaces, and "
                    f"phones: {self._some()}"
                )
            entries[word.lower().replace("\u2019", "'")] = tokens
        return entries

    def _some(self) -> str:
        phones = sorted(
            t for t in self.tokens if t[0] != "<" and any(map(str.isalpha, t))
        )
        more = " ..." if len(phones) > 60 else ""
        return " ".join(phones[:60]) + more
