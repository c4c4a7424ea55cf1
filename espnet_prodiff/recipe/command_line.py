"""Read the command line as ``tts.sh`` does: ``--name value``, the last one counts."""

import difflib
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from espnet_prodiff.errors import UserError, check_choice, check_positive
from espnet_prodiff.recipe.options import Options, choices

USAGE = """\
python3 -m espnet_prodiff.recipe --train_set NAME --valid_set NAME \
--test_sets "NAMES" --srctexts "FILES" [--OPTION VALUE ...]

Run it in a recipe directory (one with local/data.sh). The stages are those of
ESPnet's tts.sh: 1 data, 2 format audio, 3 speakers and languages, 4 filter, 5 tokens,
6 statistics, 7 training, 8 decoding, 10 packing, 11 upload. With ESPNET_ROOT set,
tts.sh itself runs them.
"""


def parse(argv: Sequence[str]) -> Options:
    """Parse ``--name value`` pairs; ``--max-epoch`` is ``--max_epoch``.

    Returns:
        The options, names of directories not yet resolved.

    Raises:
        UserError: An unknown option, a missing value, a value out of range.
    """
    kinds = {f.name: f.type for f in fields(Options)}
    values: dict[str, Any] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name = word.removeprefix("--").replace("-", "_")
        name = "from_voice" if name == "from" else name  # no name in Python
        if not word.startswith("--") or not name:
            raise UserError(f"found '{word}' where an option (--name value) belongs")
        if "=" in name:
            raise UserError(f"options have the form --name value, found '{word}'")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"; did you mean --{near[0]}?" if near else ""
            raise UserError(f"unknown option {word}{hint} (--help lists them all)")
        if not rest:
            raise UserError(f"{word} needs a value")
        values[name] = _convert(word, rest.pop(0), kinds[name])
    options = Options(**values)
    _check(options)
    return options


def _convert(word: str, text: str, kind: Any) -> Any:
    allowed = choices(kind) or (("true", "false") if kind is bool else ())
    if allowed and text not in allowed:
        check_choice(word, text, [value for value in allowed if value])
    if kind is bool:
        return text == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            expected = "a whole number" if kind is int else "a number"
            raise UserError(f"{word} is '{text}', expected {expected}") from None
    return text


def _check(options: Options) -> None:
    for name in ("train_set", "valid_set", "test_sets"):
        if not getattr(options, name).split():
            raise UserError(f"--{name} is required")
    for name in ("nj", "inference_nj", "num_splits", "n_fft", "n_shift", "n_mels"):
        check_positive(f"--{name}", getattr(options, name))
    try:
        rate = options.sampling_rate
    except ValueError:
        rate = 0
    if rate < 1:
        raise UserError(f"--fs is '{options.fs}', expected Hz such as 22050 or 24k")
    if options.durations == "given" and not options.teacher_dumpdir:
        raise UserError("--durations given needs --teacher_dumpdir DIR")
    if options.durations == "none" and options.teacher_dumpdir:
        raise UserError(
            f"--durations none contradicts --teacher_dumpdir {options.teacher_dumpdir}"
        )
    steps = options.distill_steps.split()
    if any(not s.isdigit() or int(s) < 1 for s in steps):
        raise UserError(
            f"--distill_steps is '{options.distill_steps}', "
            "expected step counts such as '2'"
        )
    if steps and not options.distill_config:
        raise UserError("--distill_steps needs --distill_config FILE")


def format_options(options: Options, always: Collection[str] = ()) -> list[str]:
    """Return options as ``--name value``, those at their defaults if in ``always``."""
    words: list[str] = []
    for f in fields(Options):
        value = getattr(options, f.name)
        if value != f.default or f.name in always:
            text = str(value).lower() if f.type is bool else str(value)
            words += [f"--{f.name}", text]
    return words


def help_text() -> str:
    """Return the message of ``--help``."""
    lines = [USAGE, "Options:"]
    for f in fields(Options):
        default = str(f.default).lower() if f.type is bool else f.default
        allowed = "|".join(c for c in choices(f.type) if c)
        text = f"{f.metadata['help']}{f' {{{allowed}}}' if allowed else ''}"
        text += f" [{default}]" if default != "" else ""
        text = f"  --{f.name:24} {text}"
        lines.append(textwrap.fill(text, 88, subsequent_indent=" " * 29))
    return "\n".join(lines)
