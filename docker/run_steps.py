"""Run the COPY and RUN steps of a Dockerfile in a new virtual environment.

For machines that have no builder. The steps run in a copy of the files that COPY names,
with the environment first in PATH; steps of the operating system (apt-get) are named
and left out. Then the command of the image is called with --help.

    python3 docker/run_steps.py docker/runtime.Dockerfile
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

SYSTEM = ("apt-get",)
ROOT = Path(__file__).parents[1]


def steps(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile and their arguments."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


def copy(arguments: str, app: Path) -> None:
    """Do what COPY does, from the repository to ``app``."""
    *sources, target = arguments.split()
    for source in sources:
        place = app / target
        if (ROOT / source).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "data", "dump", "exp")
            shutil.copytree(ROOT / source, place, symlinks=True, ignore=ignore)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)


def run(dockerfile: Path, folder: Path, arguments: dict[str, str]) -> None:
    """Run the steps of a Dockerfile in a folder."""
    app, environment = folder / "app", folder / "venv"
    app.mkdir()
    venv.create(environment, with_pip=True)
    paths = {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}"}
    variables = {**os.environ, **paths, "PYTHONPATH": ""}
    entry: list[str] = []
    for kind, rest in steps(dockerfile):
        if kind == "ARG":
            name, value = rest.split("=", 1)
            variables[name] = arguments.get(name, value)
        elif kind == "COPY":
            copy(rest, app)
        elif kind == "RUN" and rest.split()[0] in SYSTEM:
            print(f"left out: {rest}")
        elif kind == "RUN":
            print(f"run: {rest}", flush=True)
            subprocess.run(["sh", "-ec", rest], cwd=app, env=variables, check=True)
        elif kind in ("ENTRYPOINT", "CMD") and not entry:
            entry = json.loads(rest)
    command = [*entry, "--help"] if entry[-1] != "--help" else entry
    subprocess.run(command, cwd=folder, env=variables, check=True)


def main() -> None:
    """Run a Dockerfile's steps in a temporary folder, or in one that stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("--folder", type=Path, help="where it stays")
    parser.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE"
    )
    args = parser.parse_args()
    arguments = dict(one.split("=", 1) for one in args.build_arg)
    if args.folder is not None:
        args.folder.mkdir(parents=True)
        run(args.dockerfile, args.folder, arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(args.dockerfile, Path(folder), arguments)


if __name__ == "__main__":
    sys.exit(main())
