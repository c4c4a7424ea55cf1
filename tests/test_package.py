"""The layout: imports run downward, importing is light, the door opens."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path("espnet_prodiff")
ROOMS = {
    "diffusion": 0,
    "layers": 1,
    "prodiff": 2,
    "diffwave": 2,
    "wavegrad2": 2,
    "alignment": 2,
    "integration": 3,
    "evaluation": 3,
    "recipe": 4,
    "bin": 5,
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downward(room):
    for path in sorted((PACKAGE / room).glob("**/*.py")):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "espnet_prodiff" or len(parts) < 2 or parts[1] == room:
                continue
            higher = ROOMS.get(parts[1], -1)
            assert higher <= ROOMS[room], f"{path} imports {name}"
            same_floor = higher == ROOMS[room] and {room, parts[1]} != {
                "integration",
                "evaluation",
            }
            assert not same_floor, f"{path} imports {name} beside it"


def test_core_and_networks_know_torch_alone():
    allowed = {"torch", "espnet_prodiff", *sys.stdlib_module_names}
    networks = PACKAGE.glob("*/network.py")
    for path in [*(PACKAGE / "diffusion").glob("*.py"), *networks]:
        for name in imports(path):
            assert name.split(".")[0] in allowed, f"{path} imports {name}"


def test_gpl_packages_are_never_imported():
    for path in PACKAGE.glob("**/*.py"):
        used = {name.split(".")[0] for name in imports(path)}
        assert not used & {"phonemizer", "espeakng_loader"}, path


def test_importing_the_package_is_light():
    code = "import espnet_prodiff, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "usage: python3 -m espnet_prodiff -m espnet2.bin"),
        (["-m", "os.path"], "not a module of espnet2"),
        (["-m", "espnet2.bin.no_such"], "there is no module espnet2.bin.no_such"),
    ],
)
def test_door_refuses_what_it_does_not_know(arguments, message):
    done = subprocess.run(
        [sys.executable, "-m", "espnet_prodiff", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and message in done.stderr


def test_door_passes_other_modules_through():
    done = subprocess.run(
        [sys.executable, "-m", "espnet_prodiff", "-m", "espnet2.bin.pack", "--help"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "{asr," in done.stdout + done.stderr
