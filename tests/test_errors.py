"""Errors that a user can mend, and the checks that raise them."""

import pytest

from espnet_prodiff import errors
from espnet_prodiff.errors import (
    UserError,
    check_choice,
    check_positive,
    one_message,
)


def test_every_error_is_a_user_error_and_a_value_error():
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    ours = [c for c in classes if c.__module__ == errors.__name__]
    assert len(ours) > 5
    assert all(issubclass(c, UserError) and issubclass(c, ValueError) for c in ours)


def test_check_choice_lists_the_choices():
    check_choice("loss", "l1", ("l2", "l1"))
    check_choice("loss", "l1", {"l2": None, "l1": None})
    for value in ("huber", "", None):
        message = f"loss must be one of l2, l1, but it is {value!r}"
        with pytest.raises(UserError, match=message):
            check_choice("loss", value, ("l2", "l1"))


@pytest.mark.parametrize("value", [True, False, 0, -1, 1.5, 2.0, "3", None])
def test_check_positive_refuses(value):
    message = f"layers must be a whole number of at least 1, but it is {value!r}"
    with pytest.raises(UserError, match=message):
        check_positive("layers", value)


@pytest.mark.parametrize("value", [1, 10**12])
def test_check_positive_accepts(value):
    check_positive("layers", value)


@pytest.mark.parametrize(
    "error",
    [
        UserError("no such corpus"),
        errors.CheckpointError("no such corpus"),
        FileNotFoundError("no such corpus"),
        ModuleNotFoundError("no such corpus"),
    ],
)
def test_one_message_ends_a_command_with_the_message(error):
    with pytest.raises(SystemExit) as exit_info, one_message("evaluate"):
        raise error
    # sys.exit prints a text to stderr and ends with status 1.
    assert exit_info.value.code == "evaluate: error: no such corpus"


@pytest.mark.parametrize(
    "error", [ValueError("shape"), KeyError("name"), RuntimeError("size")]
)
def test_one_message_lets_programming_errors_through(error):
    with pytest.raises(type(error)) as raised, one_message("evaluate"):
        raise error
    assert raised.value is error


def test_one_message_without_an_error_does_nothing():
    with one_message("evaluate"):
        finished = True
    assert finished
