"""The one exception of this package."""


class AlignmentError(RuntimeError):
    """Bad input; the message names it, what was expected, and what to do."""
