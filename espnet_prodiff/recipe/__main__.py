"""``python3 -m espnet_prodiff.recipe``: the recipe's command line."""

import logging
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from espnet_prodiff.common.postponed import without_type_checks
from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe.command_line import help_text, parse
from espnet_prodiff.recipe.early_checks import check_early
from espnet_prodiff.recipe.from_voice import find_voice, recipe_options
from espnet_prodiff.recipe.naming import resolve
from espnet_prodiff.recipe.pipeline import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run a recipe.

    Returns:
        0, or 1 after an error that has been printed, or 2 for bad options.
    """
    argv = sys.argv[1:] if argv is None else argv
    if "--help" in argv or "-h" in argv:
        print(help_text())
        return 0
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    signal.signal(signal.SIGTERM, _stop)
    try:
        options = parse(argv)
        if options.from_voice:
            options = recipe_options(options, find_voice(options.from_voice))
        options = resolve(options)
        check_early(options)
    except (UserError, FileNotFoundError, ModuleNotFoundError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    try:
        run(options)
    except UserError as e:
        print(f"\nerror: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


def _stop(number: int, frame: object) -> NoReturn:
    """End on SIGTERM as on Ctrl-C, so that running jobs are ended too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    without_type_checks()  # before ESPnet is imported
    sys.exit(main())
