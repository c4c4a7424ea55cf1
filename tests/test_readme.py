"""What the README names exists."""

import importlib.util
import re
import runpy
from pathlib import Path

README = Path("README.md").read_text(encoding="utf-8")


def test_modules_exist():
    modules = set(re.findall(r"python3 -m (espnet_prodiff[\w.]*)", README))
    assert {"espnet_prodiff.recipe", "espnet_prodiff.bin.distill"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_files_exist():
    names = set(
        re.findall(r"`((?:conf|benchmarks|tests|egs2_recipe)/[\w./]+)`", README)
    )
    names |= set(re.findall(r"(?:conf|benchmarks)/[\w/]+\.(?:yaml|py)", README))
    assert "conf/decode.yaml" in names
    for name in re.findall(r"\]\((docs/[\w./]+)\)", README):
        assert Path(name).stat().st_size > 1000, name
    upstream = {"conf/tuning/train_prodiff.yaml"}  # in ESPnet's own recipes
    for name in names - upstream:
        assert Path(name).exists(), name
    for name in re.findall(
        r"`((?:diffusion|prodiff|training|common)/\w+\.py)`", README
    ):
        assert (Path("espnet_prodiff") / name).exists(), name


def test_tables_are_those_of_the_measurements():
    tables = runpy.run_path("benchmarks/readme_tables.py")
    assert len(tables["REGION"].findall(README)) >= 5
    assert tables["filled"](README) == README


def test_options_exist():
    from espnet_prodiff.bin import (
        distill,
        evaluate,
        generate,
        say,
        tts_inference,
        tts_train,
    )
    from espnet_prodiff.recipe.options import Options

    known = set(vars(Options).get("__dataclass_fields__", {}))
    for module in (distill, evaluate, say, tts_inference, tts_train):
        known |= {action.dest for action in module.get_parser()._actions}
    for action in generate.get_parser()._actions:
        for use in (getattr(action, "choices", None) or {}).values():
            known |= {option.dest for option in use._actions}
    named = set(re.findall(r"(?<![\w-])--(\w+)", README))
    beyond = {"help", "teacher", "data_dir", "durations"}  # of other programs
    beyond |= {"hidden_variation", "voices"}
    beyond |= {"updates", "learning_rates", "threads", "output_dir", "full"}
    assert named - known - beyond == set()


def test_make_targets_exist():
    makefile = Path("Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
