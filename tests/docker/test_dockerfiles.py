"""Dockerfiles: what they install and copy is what the package says.

Their steps are run in a new environment by docker/run_steps.py, which downloads.
"""

import ast
import importlib
import json
import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from espnet_prodiff.bin.command import COMMANDS
from espnet_prodiff.extras import EXTRAS

DOCKER = Path("docker")
FILES = sorted(DOCKER.glob("*.Dockerfile"))
steps = runpy.run_path(str(DOCKER / "run_steps.py"))["steps"]


def requirements(name):
    lines = (DOCKER / name).read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_runtime_installs_the_extras_and_nothing_heavy():
    assert requirements("runtime.txt") == EXTRAS["runtime"] + EXTRAS["serve"]
    text = (DOCKER / "runtime.Dockerfile").read_text()
    assert "pip install --no-cache-dir --no-deps ." in text


def test_torch_is_that_of_setup_py():
    tree = ast.parse(Path("setup.py").read_text())
    strings = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    assert set(requirements("torch.txt")) <= strings


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_copied_exists_and_what_is_called_too(file):
    found = steps(file)
    assert [kind for kind, _ in found][0] == "FROM"
    copied = {
        name for kind, rest in found if kind == "COPY" for name in rest.split()[:-1]
    }
    assert {"setup.py", "README.md", "conf", "espnet_prodiff"} <= copied
    assert all(Path(name).exists() for name in copied)
    extras = re.search(r'"\.\[([\w,]+)\]"', file.read_text())
    assert extras is None or set(extras[1].split(",")) <= EXTRAS.keys()
    words = [
        w for k, rest in found if k in ("ENTRYPOINT", "CMD") for w in json.loads(rest)
    ]
    assert words[0] == "espnet-prodiff"
    if words[1] in COMMANDS:
        parser = importlib.import_module(COMMANDS[words[1]][0]).get_parser()
        assert parser.parse_args(words[2:]).host == "0.0.0.0"


def test_the_health_check_is_python():
    (check,) = [
        rest for k, rest in steps(DOCKER / "runtime.Dockerfile") if k == "HEALTHCHECK"
    ]
    program, option, code = json.loads(check.removeprefix("CMD "))
    assert (program, option) == ("python3", "-c") and "/health" in code
    ast.parse(code)


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_lint(file):
    done = subprocess.run(
        shlex.split(f"hadolint {file}"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
