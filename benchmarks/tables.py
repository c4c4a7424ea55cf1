"""The tables of README and manual, from the measurements in ``benchmarks/results``.

Between ``<!-- table: NAME -->`` and ``<!-- end -->`` they hold what this makes of NAME;
tests/test_docs.py keeps it so.

    python3 benchmarks/tables.py            # rewrites README.md and docs/
    python3 benchmarks/tables.py --add results.json --name NAME
                                            # takes in a bin.evaluate's result
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # where it is not run as a script
from result_tables import distillation, prosody, rates, systems, teachers  # noqa: E402
from result_tables.figures import RESULTS  # noqa: E402

from espnet_prodiff.fileio.atomic import write_text  # noqa: E402

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
REGION = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES: dict[str, Callable[[], str]] = {
    **systems.TABLES,
    **distillation.TABLES,
    **teachers.TABLES,
    **rates.TABLES,
    **prosody.TABLES,
}


def filled(page: str) -> str:
    """A page with every table made anew."""
    return REGION.sub(lambda m: m[1] + TABLES[m[2]]() + m[3], page)


def add(results: Path, name: str) -> None:
    """Take in a ``results.json`` of bin.evaluate without its single values."""
    found = json.loads(results.read_text(encoding="utf-8"))
    for system in found["systems"]:
        system.pop("values", None)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Rewrite the pages, with a new result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--add", type=Path, help="results.json of bin.evaluate")
    parser.add_argument("--name", help="of the result")
    args = parser.parse_args()
    if args.add:
        add(args.add, args.name)
    for page in PAGES:
        write_text(page, filled(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
