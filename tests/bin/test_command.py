"""The command: its subcommands, and what the wheel brings."""

import importlib
import re
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


def test_the_package_holds_the_command_and_the_voices(tmp_path):
    """What setuptools would put into a wheel (whose own package is not needed here)."""
    command = [sys.executable, "setup.py", "-q", "egg_info", "-e", str(tmp_path)]
    command += ["build", "-b", str(tmp_path / "build")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    points = (tmp_path / "espnet_prodiff.egg-info/entry_points.txt").read_text()
    assert "espnet-prodiff = espnet_prodiff.__main__:main" in points
    package = ROOT / "espnet_prodiff"
    files = [
        *package.glob("**/*.py"),
        *package.glob("voices/*.*"),
        package / "py.typed",
    ]
    built = tmp_path / "build/lib"
    missing = [f for f in files if not (built / f.relative_to(ROOT)).is_file()]
    assert len(files) > 100 and not missing
