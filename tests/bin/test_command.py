"""The command: its subcommands, and what the wheel brings."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_prodiff import __main__ as door
from espnet_prodiff.bin.command import COMMANDS

ROOT = Path(__file__).parents[2]


def test_every_module_of_bin_is_a_command():
    files = {path.stem for path in (ROOT / "espnet_prodiff/bin").glob("*.py")}
    modules = {name.rpartition(".")[2] for name, _ in COMMANDS.values()}
    assert files - {"__init__", "command"} == modules - {"__main__"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_has_its_help(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["espnet-prodiff", name, "--help"])
    with pytest.raises(SystemExit) as stop:
        door.main()
    assert not stop.value.code
    assert re.search(r"\n  (-h, )?--\w+", capsys.readouterr().out)
    assert hasattr(importlib.import_module(COMMANDS[name][0]), "main")


def test_the_list_and_a_name_that_is_not_on_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["espnet-prodiff"])
    door.main()
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in COMMANDS)
    monkeypatch.setattr(sys, "argv", ["espnet-prodiff", "sing"])
    with pytest.raises(SystemExit, match="no command 'sing'; there are say, prepare"):
        door.main()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder of the package as a wheel installs it."""
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"  # so that the build leaves nothing here
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("conf", "espnet_prodiff", "egs2_recipe/TEMPLATE"):
        shutil.copytree(ROOT / name, sources / name, symlinks=True, ignore=ignore)
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, sources)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", folder, sources]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = ["install", "--no-deps", "--no-compile", "--target", folder / "lib"]
    subprocess.run([*pip, *install, wheel], check=True, capture_output=True)
    return folder / "lib"


def test_the_wheel_holds_all_that_the_package_reads(installed):
    (points,) = installed.glob("espnet_prodiff-*.dist-info/entry_points.txt")
    assert "espnet-prodiff = espnet_prodiff.__main__:main" in points.read_text()
    package = ROOT / "espnet_prodiff"
    patterns = ("**/*.py", "voices/*.*", "conf/*.yaml", "conf/*/*.yaml", "py.typed")
    files = [file for pattern in patterns for file in package.glob(pattern)]
    files += [package / "serve/page.html", *package.glob("recipe/prepare/template/*")]
    missing = [f for f in files if not (installed / f.relative_to(ROOT)).is_file()]
    assert len(files) > 200 and not missing


def test_the_wheel_speaks_and_knows_its_configs_anywhere(installed, tmp_path):
    code = """
import sys
import espnet_prodiff, soundfile
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.__main__ import main

assert espnet_prodiff.__file__.startswith(sys.argv[1])
assert read_config("mini/train_prodiff.yaml")["tts_conf"]["num_steps"] == 8
sys.argv = ["espnet-prodiff", "say", "Hello there.", "-o", "hello.wav"]
try:
    main()
finally:
    wave, fs = soundfile.read("hello.wav")
    assert fs == 16000 and 0.5 < len(wave) / fs < 2 and abs(wave).max() > 0.1
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(installed)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
