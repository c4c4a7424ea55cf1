"""Errors that a user can mend, and the checks that every room makes alike."""

import errno
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)  # of an OSError


class UserError(ValueError):
    """An input, option or file that cannot be used.

    The message names it, what was found, what was expected and what to do; commands
    print it as one message instead of a traceback, see `one_message`.
    """


class ConfigError(UserError):
    """A configuration that cannot be used."""


class DataError(UserError):
    """A table, recording or utterance that cannot be used."""


class InputError(UserError):
    """An input or option of a call that the model cannot use."""


class TextError(InputError):
    """A text that cannot be spoken."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint that cannot be used."""


class DivergedError(UserError, RuntimeError):
    """A training whose weights or losses are no longer finite or sensible."""


class VocoderError(UserError):
    """A vocoder that cannot be used."""


class MelContractError(VocoderError):
    """A model and a vocoder, or a recording, whose mels differ."""


class ArchiveError(UserError):
    """A packed model that cannot be used."""


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse a value that is not among the choices of an option.

    Raises:
        UserError: The message lists them.
    """
    if value not in list(choices):
        raise UserError(
            f"{name} must be one of {', '.join(choices)}, but it is {value!r}"
        )


def check_positive(name: str, value: object) -> None:
    """Refuse what is not a whole number above 0.

    Raises:
        UserError: The message names the option.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(
            f"{name} must be a whole number of at least 1, but it is {value!r}"
        )


@contextmanager
def one_message(command: str) -> Iterator[None]:
    """End a command with exit status 1 and one message where a user can mend it.

    Args:
        command: Its name, for the message.
    """
    try:
        yield
    except (UserError, FileNotFoundError, ModuleNotFoundError) as error:
        sys.exit(f"{command}: error: {error}")
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        sys.exit(
            f"{command}: error: {error}. What was finished is whole: make space, then "
            "run the same command again"
        )
