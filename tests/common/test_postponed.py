"""Modules that are imported when they are used."""

import inspect
import subprocess
import sys

import pytest

from espnet_prodiff.common.postponed import postpone


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """A package that says when it is imported."""
    (tmp_path / "slow_package").mkdir()
    (tmp_path / "slow_package/__init__.py").write_text(
        "import builtins\nbuiltins.slow_imports += 1\nfrom .part import answer\n"
    )
    (tmp_path / "slow_package/part.py").write_text("answer = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    import builtins

    monkeypatch.setattr(builtins, "slow_imports", 0, raising=False)
    for name in ("slow_package", "slow_package.part"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return builtins


def test_a_postponed_module_is_imported_once_when_it_is_used(slow, monkeypatch):
    postpone("slow_package")
    import slow_package

    assert inspect.getmodule(test_a_postponed_module_is_imported_once_when_it_is_used)
    assert not hasattr(slow_package, "__file__") and slow.slow_imports == 0
    assert slow_package.answer == 42 and slow_package.part.answer == 42
    from slow_package import answer

    assert answer == 42 and slow.slow_imports == 1
    module = sys.modules["slow_package"]
    postpone("slow_package")  # imported: stays
    assert sys.modules["slow_package"] is module


def test_parts_of_a_postponed_module(slow):
    postpone("slow_package")
    from slow_package.part import answer

    assert answer == 42 and slow.slow_imports == 1


def test_what_is_not_installed_stays_missing():
    postpone("no_such_package")
    assert "no_such_package" not in sys.modules


def test_commands_start_without_type_checks_and_leave_typeguard_whole():
    """In a process of its own, as pytest has typeguard imported."""
    program = """
import sys
import espnet_prodiff.bin
import inflect
import espnet2.tasks.abs_task
assert inflect.engine().number_to_words(7) == "seven"
assert not any(name.startswith("typeguard.") for name in sys.modules)
import typeguard
try:
    typeguard.check_type("seven", int)
except typeguard.TypeCheckError:
    print("whole")
@typeguard.typechecked
def double(x: int) -> int:
    return 2 * x
print(double(2))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["whole", "4"]
