import pytest

from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe.command_line import format_options, help_text, parse
from espnet_prodiff.recipe.naming import (
    at_steps,
    bpe_model,
    packed_model,
    resolve,
    token_list,
)
from espnet_prodiff.recipe.pipeline import selected

SETS = ["--train_set", "tr", "--valid_set", "dev", "--test_sets", "dev eval1"]


def make_options(*words):
    return resolve(parse([*SETS, *words]))


def test_names_are_those_of_tts_sh():
    options = make_options(
        "--train_config", "conf/tuning/train_x.yaml", "--g2p", "g2p_en_no_space"
    )
    assert options.tts_exp == "exp/tts_train_x_raw_phn_tacotron_g2p_en_no_space"
    assert options.tts_stats_dir == "exp/tts_stats_raw_phn_tacotron_g2p_en_no_space"
    tokens = "dump/token_list/phn_tacotron_g2p_en_no_space/tokens.txt"
    assert str(token_list(options)) == tokens
    assert options.inference_tag == "inference_train.loss.ave"
    assert str(packed_model(options)).endswith(
        "g2p_en_no_space/tts_train_x_raw_phn_tacotron_g2p_en_no_space_train.loss.ave.zip"
    )


def test_overrides_enter_the_names():
    options = make_options(
        *("--train_args", "--max_epoch 1 --optim adam", "--token_type", "char"),
        *("--cleaner", "none", "--inference_config", "conf/decode.yaml"),
        *("--inference_args", "--threshold 0.75", "--feats_extract", "linear"),
        *("--inference_model", "valid.loss.best.pth", "--expdir", "e"),
    )
    assert options.tts_exp == "e/tts_train_raw_char_max_epoch1_optimadam"
    assert options.tts_stats_dir == "e/tts_stats_raw_linear_char"
    assert options.inference_tag == "decode_threshold0.75_valid.loss.best"


def test_sentencepiece_size_is_in_the_names():
    options = make_options("--token_type", "bpe", "--nbpe", "30")
    assert options.tts_exp == "exp/tts_train_raw_bpe30_tacotron"
    assert options.tts_stats_dir == "exp/tts_stats_raw_bpe30_tacotron"
    assert str(bpe_model(options)) == "dump/token_list/bpe_tacotron/unigram30.model"


def test_each_step_count_decodes_into_its_own_directory():
    options = make_options("--inference_model", "valid.loss.best.pth")
    two = at_steps(options, 2, "exp/student")
    assert two.inference_tag == "inference_num_steps2_valid.loss.best"
    assert two.inference_args == "--num_steps 2"
    assert two.tts_exp == "exp/student"
    named = at_steps(make_options("--inference_tag", "mine"), 1, "exp/x")
    assert named.inference_tag == "mine_num_steps1"


def test_last_value_counts_and_dashes_are_underscores():
    options = make_options("--nj", "3", "--skip-train", "true", "--nj", "5")
    assert (options.nj, options.skip_train) == (5, True)
    assert options.sets == ["tr", "dev", "eval1"]
    assert make_options("--fs", "24k").sampling_rate == 24000
    assert make_options("--train_args", "--max_epoch").train_args == "--max_epoch"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--njj", "3"], "unknown option --njj; did you mean --nj?"),
        (["--nj=3"], "form --name value"),
        (["eval1"], "found 'eval1'"),
        (["--nj"], "--nj needs a value"),
        (["--nj", "x"], "--nj is 'x', expected a whole number"),
        (["--nj", "0"], "--nj must be a whole number of at least 1"),
        (["--skip_train", "yes"], "--skip_train must be one of true, false"),
        (["--token_type", "word"], "must be one of phn, char, bpe, but it is 'word'"),
        (["--audio_format", "mp3"], "must be one of wav, flac, wav.ark"),
        (["--durations", "x"], "must be one of learned, given, none, but it is 'x'"),
        (["--fs", "fast"], "--fs is 'fast', expected Hz"),
        (["--durations", "given"], "needs --teacher_dumpdir"),
        (["--durations", "none", "--teacher_dumpdir", "d"], "contradicts"),
        (["--distill_steps", "2 0"], "expected step counts"),
        (["--distill_steps", "2"], "needs --distill_config"),
        (["--train_set", ""], "--train_set is required"),
    ],
)
def test_a_bad_option_is_named(words, message):
    with pytest.raises(UserError) as e:
        parse([*SETS, *words])
    assert message in str(e.value)


@pytest.mark.parametrize(
    ("words", "stages"),
    [
        ([], [1, 2, 3, 4, 5, 6, 7, 8]),
        (["--stage", "6", "--skip_packing", "false"], [6, 7, 8, 10]),
        (["--skip_data_prep", "true", "--skip_eval", "true"], [6, 7]),
        (["--stage", "3", "--stop_stage", "4"], [3, 4]),
        (["--skip_train", "true", "--stage", "5"], [5, 8]),
    ],
)
def test_stages_are_selected_as_in_tts_sh(words, stages):
    assert selected(make_options(*words)) == stages


def test_a_run_script_has_the_same_options():
    options = make_options(
        "--train_args", "--optim_conf lr=0.1", "--evaluate", "true", "--nj", "2"
    )
    assert parse(format_options(options)) == options


def test_help_lists_every_option():
    text = help_text()
    for name in ("--stage", "--teacher_dumpdir", "--distill_steps", "--hf_repo"):
        assert name in text
    assert "{phn|char|bpe} [phn]" in text
