"""The run.sh files: their options are known and the files that they name exist."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.naming import resolve

RECIPES = Path(__file__).parents[2] / "egs2_recipe"


def options_of(recipe, tmp_path, *more):
    """The options that a run.sh passes on, as its python3 receives them."""
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\nshift 2\nfor w in "$@"; do printf "%s\\0" "$w"; done\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    environment = dict(
        os.environ,
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        ESPNET_ROOT="",
    )
    script = RECIPES / recipe / "tts1" / "run.sh"
    out = subprocess.run(
        [script, *more], env=environment, capture_output=True, text=True, check=True
    )
    return resolve(parse(out.stdout.split("\0")[:-1]))


@pytest.mark.parametrize("recipe", ["mini", "ljspeech", "vctk"])
def test_files_that_a_recipe_names_exist(recipe, tmp_path):
    options = options_of(recipe, tmp_path, "--nj", "7")
    directory = RECIPES / recipe / "tts1"
    for name in (options.train_config, options.distill_config):
        assert "max_epoch" in read_config(str(directory / name))
    assert (directory / options.inference_config).exists()
    assert options.nj == 7
    assert options.durations == "learned"
    assert options.distill_steps == ("1" if recipe == "mini" else "2")
    assert not options.skip_packing
    assert options.srctexts == "data/tr_no_dev/text"


def test_the_multi_speaker_recipe_has_an_embedding_for_every_speaker(tmp_path):
    options = options_of("vctk", tmp_path)
    config = read_config(str(RECIPES / "vctk" / "tts1" / options.train_config))
    assert options.use_sid
    assert config["tts_conf"]["spks"] == 110  # 109 and the unknown one
    assert (options.sampling_rate, options.n_shift, options.win_length) == (
        24000,
        300,
        "1200",
    )
