r"""Upload a packed voice to the Hugging Face hub.

espnet-prodiff share mydata/results/mydata.zip user/name --license cc-by-4.0

Log in first (hf auth login, or HF_TOKEN). A new repository is public: make it on the
hub yourself to have it private. Afterwards
`espnet-prodiff say --model user/name` speaks.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import one_message


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "packed",
        type=Path,
        metavar="VOICE.zip",
        help="as espnet-prodiff train makes it",
    )
    add("repository", metavar="USER/NAME", help="of the hub")
    text = "by the hub's name: cc-by-4.0, mit ...; default: what the card says"
    add("--license", dest="licence", default="", metavar="NAME", help=text)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Upload, and say where it is."""
    args = vars(get_parser().parse_args(cmd))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with one_message("share"):
        from espnet_prodiff.recipe.sharing import share  # ESPnet takes seconds

        print(share(**args))
    print(f"espnet-prodiff say 'Hello.' -o hello.wav --model {args['repository']}")


if __name__ == "__main__":
    main()
