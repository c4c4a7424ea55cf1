"""ESPNET_ROOT: the stages in ESPnet's own tts.sh."""

import os
import shutil
from pathlib import Path

import pytest

from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe import upstream
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.naming import resolve
from tests.recipe.compare_trees import compare, names
from tests.recipe.small_recipe import make_recipe, run_recipe

SETS = ["--train_set", "tr", "--valid_set", "dev", "--test_sets", "eval1"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A template whose tts.sh writes its arguments to the file ``called``."""
    template = tmp_path / "espnet" / "egs2" / "TEMPLATE"
    for folder in (
        "tts1",
        "asr1/utils",
        "asr1/scripts",
        "asr1/pyscripts",
        "asr1/steps",
    ):
        (template / folder).mkdir(parents=True)
    (template / "asr1" / "db.sh").touch()
    script = template / "tts1" / "tts.sh"
    script.write_text('#!/bin/sh\nfor w in "$@"; do echo "[$w]"; done > called\n')
    script.chmod(0o755)
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    monkeypatch.chdir(recipe)
    for name in ("cmd.sh", "path.sh"):
        (recipe / name).touch()
    return tmp_path / "espnet"


def test_links_are_made_and_renewed(checkout):
    Path("utils").symlink_to("nowhere")
    upstream.link(checkout)
    assert Path("tts.sh").resolve() == checkout / "egs2/TEMPLATE/tts1/tts.sh"
    assert Path("utils").resolve() == checkout / "egs2/TEMPLATE/asr1/utils"
    Path("steps").unlink()
    Path("steps").write_text("mine")
    with pytest.raises(UserError, match="steps is in the way"):
        upstream.link(checkout)
    with pytest.raises(UserError, match="expected an ESPnet checkout"):
        upstream.link(checkout / "egs2")


def test_tts_sh_gets_the_python_option_and_none_of_the_plugins(checkout):
    upstream.link(checkout)
    words = ["--durations", "learned", "--distill_steps", "2", "--evaluate", "true"]
    more = ["--distill_config", "c", "--train_args", "--max_epoch 3"]
    upstream.run_stage(resolve(parse([*SETS, *words, *more])), 6)
    called = Path("called").read_text().splitlines()
    passed = dict(zip(called[::2], called[1::2], strict=True))
    assert passed["[--stage]"] == passed["[--stop_stage]"] == "[6]"
    assert passed["[--python]"].endswith(" -m espnet_prodiff]")
    assert passed["[--train_args]"] == "[--max_epoch 3]"
    assert passed["[--skip_scoring]"] == "[true]"
    ours = {"[--durations]", "[--distill_steps]", "[--distill_config]", "[--evaluate]"}
    assert not ours & set(passed)


def test_sentencepiece_model_is_passed_in_the_training_options(checkout):
    upstream.link(checkout)
    options = resolve(parse([*SETS, "--token_type", "bpe", "--nbpe", "20"]))
    assert upstream.is_ours(options, 5)
    upstream.run_stage(options, 7)
    called = Path("called").read_text()
    assert "[--bpemodel dump/token_list/bpe_tacotron/unigram20.model]" in called
    assert "[exp/tts_train_raw_bpe20_tacotron]" in called


@pytest.mark.skipif(
    not os.environ.get("ESPNET_ROOT"),
    reason="ESPNET_ROOT is not set: it names an ESPnet checkout with egs2/TEMPLATE",
)
@pytest.mark.parametrize("kind", [("char", "wav"), ("bpe", "flac")])
def test_tts_sh_and_the_python_recipe_write_the_same_files(tmp_path, kind):
    token_type, audio_format = kind
    words = ["--token_type", token_type, "--nbpe", "40", "--audio_format", audio_format]
    words += ["--nj", "2", "--use_sid", "true", "--local_data_opts"]
    words += ["--num_utts 24 --num_voices 2"]
    ours, theirs = (make_recipe(tmp_path / n) for n in ("ours", "theirs"))
    out = run_recipe(ours, *words)
    assert out.endswith("\n0"), out
    # The same corpus for both: espeak-ng's voices with breath differ from run to run.
    for name in ("downloads", "data"):
        shutil.copytree(ours / name, theirs / name)
    out = run_recipe(theirs, *words, checkout=os.environ["ESPNET_ROOT"])
    assert out.endswith("\n0"), out
    assert len(names(ours)) > 100
    assert compare(ours, theirs) == []
