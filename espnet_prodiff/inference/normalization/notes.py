"""What normalisation changed or left out, each kind said once."""

from __future__ import annotations

import logging
from collections.abc import Iterable

SHOWN = 8


class Notes:
    """Log lines that are not repeated: one for a kind of change, one for a symbol."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: set[str] = set()

    def changed(self, kind: str, before: str, after: str) -> None:
        """Note how a kind of writing is read, with its first example."""
        if before != after and kind not in self._said:
            self._said.add(kind)
            old, new = _difference(before, after)
            logging.info("%s: %r is read as %r", kind, old, new)

    def left_out(self, kind: str, symbols: Iterable[str], heard: bool = True) -> None:
        """Warn of symbols that are not spoken, of each the first time.

        Those that one would not hear anyhow, as quotes, are no warning.
        """
        new = [s for s in dict.fromkeys(symbols) if s not in self._said]
        if new:
            self._said.update(new)
            more = f" and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
            named = ", ".join(f"{s!r} (U+{ord(s):04X})" for s in new[:SHOWN])
            level = logging.WARNING if heard else logging.INFO
            logging.log(level, "left out of the text: %s %s%s", kind, named, more)


def _difference(before: str, after: str, around: int = 12) -> tuple[str, str]:
    """Cut two texts to where they differ first, with the words around."""
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    begin = max(0, same - around)
    return before[begin : same + 2 * around], after[begin : same + 3 * around]
