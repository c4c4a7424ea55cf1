"""What README and manual say: their commands run, what they name exists.

A block of bash or Python is run unless ``<!-- not run: why -->`` stands above it; what
is not run has options that exist all the same.
"""

import importlib
import importlib.util
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_prodiff.bin.command import COMMANDS
from espnet_prodiff.recipe.options import Options

PAGES = {
    str(path): path.read_text(encoding="utf-8")
    for path in (Path("README.md"), *sorted(Path("docs").glob("*.md")))
}
TEXT = "\n".join(PAGES.values())
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?"
    r"^```(?P<kind>bash|python)\n(?P<code>.*?)^```",
    re.DOTALL | re.MULTILINE,
)


def blocks(run):
    for page, text in PAGES.items():
        for match in BLOCK.finditer(text):
            if (match["why"] is None) == run:
                yield page, match["kind"], match["code"]


RUN = list(dict.fromkeys((kind, code) for _, kind, code in blocks(run=True)))


@pytest.mark.parametrize("kind, code", RUN, ids=range(len(RUN)))
def test_commands_run(kind, code, tmp_path):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "espnet-prodiff"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m espnet_prodiff "$@"\n')
    command.chmod(0o755)
    program = {
        "bash": ["bash", "-euo", "pipefail", "-c"],
        "python": [sys.executable, "-c"],
    }
    folders = (tmp_path / "bin", Path(sys.executable).parent, os.environ["PATH"])
    paths = {"PATH": ":".join(map(str, folders)), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [*program[kind], code],
        cwd=tmp_path,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    made = re.findall(r"-o (\w+\.(?:wav|flac))", code)
    assert all((tmp_path / name).stat().st_size > 1000 for name in made)


def commands():
    """Words of every command of this package, in a block that is run or not."""
    for run in (True, False):
        for page, kind, code in blocks(run):
            for line in code.replace("\\\n", " ").split("\n") if kind == "bash" else ():
                for part in re.split(r"&&|\||>|;", line.split(" #")[0]):
                    if words := shlex.split(part):
                        yield page, words


def options_of(words):
    """The options that a command knows, or None if it is none of ours."""
    if words[0] == "espnet-prodiff":
        module, rest = COMMANDS[words[1]][0], words[2:]
    elif words[:2] == ["python3", "-m"] and words[2].startswith("espnet_prodiff."):
        module, rest = words[2], words[3:]
    elif words[0] == "./run.sh":
        return set(Options.__dataclass_fields__) | {"help", "python", "from"}
    else:
        return None
    if module.startswith("espnet_prodiff.recipe"):
        return set(Options.__dataclass_fields__) | {"help", "from"}
    parser = importlib.import_module(module).get_parser()
    known = {name.lstrip("-") for a in parser._actions for name in a.option_strings}
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for name in action.choices.keys() & set(rest):
                inner = action.choices[name]._actions
                known |= {n.lstrip("-") for a in inner for n in a.option_strings}
    return known


def test_options_exist():
    seen = 0
    for page, words in commands():
        known = options_of(words)
        if known is None:
            continue
        seen += 1
        for word in words[3 if words[1:2] == ["-m"] else 1 :]:
            if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word):
                name = word.lstrip("-").split("=")[0]
                assert name in known, f"{page}: {shlex.join(words)}: {word}"
    assert seen > 15


def test_modules_and_files_exist():
    for module in re.findall(r"python3 -m (espnet_prodiff[\w.]*)", TEXT):
        assert importlib.util.find_spec(module.rstrip(".")), module
    folders = "conf|benchmarks|tests|egs2_recipe|examples"
    names = set(re.findall(rf"`((?:{folders})/[\w./]+)`", TEXT))
    names |= set(re.findall(r"(?:conf|benchmarks)/[\w/]+\.(?:yaml|py)", TEXT))
    assert "conf/decode.yaml" in names
    for name in names - {"conf/tuning/train_prodiff.yaml"}:  # in ESPnet's own recipes
        assert Path(name).exists(), name
    rooms = "diffusion|prodiff|training|common|fileio|inference"
    for name in re.findall(rf"`((?:{rooms})/\w+\.py)`", TEXT):
        assert (Path("espnet_prodiff") / name).exists(), name


def test_links_lead_somewhere():
    for page, text in PAGES.items():
        targets = re.findall(r"\]\(((?!https?:|#)[^)#]+)(?:#[\w-]+)?\)", text)
        targets += re.findall(r'src="\.\./([^"]+)"', text)
        for target in targets:
            path = Path(page).parent / target
            assert path.exists(), f"{page}: {target}"
            assert path.suffix == ".md" or path.stat().st_size > 1000, target


def test_tables_are_those_of_the_measurements():
    tables = runpy.run_path("benchmarks/tables.py")
    assert len(tables["REGION"].findall(TEXT)) >= 20
    for page, text in PAGES.items():
        assert tables["filled"](text) == text, f"{page}: python3 benchmarks/tables.py"


def test_make_targets_exist():
    makefile = Path("Makefile").read_text()
    for target in re.findall(r"^\s*make (\w+)", TEXT, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_page_is_in_the_manual():
    nav = Path("mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert page == "README.md" or Path(page).name in nav, page


def test_the_readme_can_be_read_in_one_go():
    assert PAGES["README.md"].count("\n") <= 150
