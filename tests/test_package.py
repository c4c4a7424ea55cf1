"""The layout: imports run downward, importing is light, the door opens."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import espnet_prodiff

PACKAGE = Path("espnet_prodiff")
# A room imports from lower floors only; rooms of one floor do not know each other.
FLOORS = (
    ("errors", "extras"),
    ("diffusion", "fileio"),
    ("common",),
    ("prodiff", "diffwave", "wavegrad2", "spectral_vocoder", "alignment"),
    ("training",),
    ("inference",),
    ("runtime",),
    ("evaluation", "export", "serve", "bulk"),
    ("recipe",),
    ("bin",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports(path):
    """Modules that running the file imports, sooner or later."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    for node in nodes:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            for_types = {id(inner) for inner in ast.walk(node)}
            nodes = [node for node in nodes if id(node) not in for_types]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_room_has_a_floor():
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    rooms = folders | {path.stem for path in PACKAGE.glob("*.py")}
    rooms = {room for room in rooms if not room.startswith("__")}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("room", FLOOR)
def test_imports_run_downward(room):
    for path in sorted([*PACKAGE.glob(f"{room}/**/*.py"), *PACKAGE.glob(f"{room}.py")]):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "espnet_prodiff" and len(parts) > 1 and parts[1] != room:
                assert FLOOR[parts[1]] < FLOOR[room], f"{path} imports {name}"


def test_no_circle_inside_a_room():
    graph = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): set(
            imports(path)
        )
        for path in PACKAGE.glob("**/*.py")
    }
    reached: dict[str, set] = {}

    def below(module):
        if module not in reached:
            reached[module] = set()  # met again on its own way down: a circle
            direct = graph.get(module, set())
            reached[module] = direct.union(*map(below, direct))
        return reached[module]

    for module in graph:
        assert module not in below(module), f"{module} imports itself by a detour"


def test_files_can_be_read_in_one_sitting():
    for folder in (PACKAGE, "tests", "benchmarks", "egs2_recipe", "examples"):
        for path in Path(folder).glob("**/*.py"):
            assert len(path.read_text().splitlines()) <= 300, path


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


def test_public_names_are_found_on_demand():
    for name in espnet_prodiff.__all__:
        assert getattr(espnet_prodiff, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Text3Speech'"):
        _ = espnet_prodiff.Text3Speech


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["-m"], "usage: python3 -m espnet_prodiff -m espnet2.bin"),
        (["shout"], "no command 'shout'; there are say,"),
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
