"""What would fail late fails first, and in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_prodiff.common import gpus
from espnet_prodiff.errors import UserError
from espnet_prodiff.extras import EXTRAS, install_command
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.early_checks import check_early
from espnet_prodiff.recipe.naming import resolve
from espnet_prodiff.recipe.option_names import (
    SOURCES,
    check_option_words,
    option_names,
)

SETS = ["--train_set", "tr", "--valid_set", "dev", "--test_sets", "dev"]
WITHOUT_IMPORTS = """
import sys
from espnet_prodiff.recipe.__main__ import main
status = main(sys.argv[1:])
assert not {"torch", "espnet2.tasks.tts"} & sys.modules.keys()
sys.exit(status)
"""


def check(*words):
    check_early(resolve(parse([*SETS, "--ngpu", "0", *words])))


@pytest.mark.parametrize(
    "words, message",
    [
        (["--train_args", "--max_epochs 3"], "--train_args: no option --max_epochs; "),
        (["--distill_args", "--max_epochs=3"], "--distill_args: no option --max_epo"),
        (["--align_args", "--num_update 3 --ngpus 1"], "--align_args: no option --ngp"),
        (["--inference_args", "--stpes 3"], "--inference_args: no option --stpes; "),
        (["--evaluate_args", "--num_seed 2 --seeds 2"], "no option --seeds; did you"),
    ],
)
def test_a_mistyped_option_is_known_before_the_first_stage(words, message):
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_IMPORTS, *SETS, "--ngpu", "0", *words],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_mistyped_name_in_a_config(tmp_path):
    config = tmp_path / "train.yaml"
    config.write_text("tts: prodiff\nmax_epochs: 3\n")
    with pytest.raises(UserError, match="no option max_epochs; did you mean max_epoch"):
        check("--train_config", str(config))
    for path in ("conf/train_prodiff.yaml", "conf/mini/train_wavegrad2.yaml"):
        check("--train_config", path, "--train_args", "--max_epoch 3 --optim=adam")
    students = ["--distill_config", "conf/mini/distill_prodiff_half.yaml"]
    check("--distill_steps", "2", *students)


def test_names_read_from_the_sources_are_the_parsers():
    from espnet_prodiff.bin import align, distill, evaluate, tts_inference, tts_train

    training = tts_train.get_parser()
    parsers = {
        "train_args": [training, tts_train.get_early_parser()],
        "distill_args": [training, distill.get_parser()],
        "align_args": [align.get_parser()],
        "inference_args": [tts_inference.get_parser()],
        "evaluate_args": [evaluate.get_parser()],
    }
    assert parsers.keys() == SOURCES.keys()
    for kind, those in parsers.items():
        actions = [action for parser in those for action in parser._actions]
        names = {name for action in actions for name in action.option_strings}
        long = {name[2:] for name in names if name.startswith("--")}
        assert option_names(kind) == long | {"config", "help"}
    check_option_words(["--accum", "2", "--lr=-1", "-3"][:2], "train_args")


def test_gpus_that_are_not_there(monkeypatch):
    monkeypatch.setattr(gpus, "_torch_may_see_gpus", lambda: False)
    with pytest.raises(UserError, match="ngpu is 1, .* no GPU .*--ngpu 0 to run on"):
        check("--ngpu", "1", "--train_config", "conf/train_prodiff.yaml")
    check("--ngpu", "1", "--stop_stage", "6")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(gpus, "_torch_may_see_gpus", lambda: True)
    check("--ngpu", "2")
    with pytest.raises(UserError, match="torch sees 2 GPU .*: give --ngpu 2$"):
        check("--ngpu", "3")


def test_a_missing_package_of_the_g2p_is_named_before_the_first_stage(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install espeakng-loader==0\."):
        check("--g2p", "espeak_ng_german")


def test_espeak_in_stage_5_needs_no_exported_variables(tmp_path):
    pytest.importorskip("phonemizer")
    (tmp_path / "text").write_text("a hello\nb hello\n")
    command = [
        sys.executable,
        "-m",
        "espnet_prodiff",
        "-m",
        "espnet2.bin.tokenize_text",
    ]
    command += ["--token_type", "phn", "--g2p", "espeak_ng_english_us_vits"]
    command += ["--cleaner", "none", "-f", "2-", "--write_vocabulary", "true"]
    command += ["--input", str(tmp_path / "text"), "--output", str(tmp_path / "tokens")]
    env = {k: v for k, v in os.environ.items() if "ESPEAK" not in k}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set((tmp_path / "tokens").read_text().split()) == set("həlˈoʊ")


def test_hints_name_packages_that_are_on_an_index():
    assert install_command("espeak").startswith("pip install espeakng-loader==0.2.4 '")
    for path in Path("espnet_prodiff").rglob("*.py"):
        text = path.read_text()
        assert "espnet_prodiff[" not in text, path
        for extra in re.findall(r"install_command\([\"'](\w+)", text):
            assert extra in EXTRAS
