"""Trainings that start from given weights: what they mean goes along, or is refused."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from espnet_prodiff.bin import distill
from espnet_prodiff.errors import CheckpointError, ConfigError, UserError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.inference.packing import pack_voice
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.from_voice import (
    StartVoice,
    find_voice,
    joined_tokens,
    recipe_options,
)
from espnet_prodiff.recipe.naming import resolve
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.stages_data import prepare_ids
from tests.integration.conftest import TEACHER
from tests.integration.corpus import read_config, train

STILL = ["--max_epoch", "1", "--optim_conf", "lr=0.0", "--ema_decay", "0"]


def best(exp):
    return exp / "valid.loss.best.pth"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def other(corpus, tmp_path):
    """The corpus with its tokens in another order, one gone, one new; other means."""
    root = tmp_path / "other"
    shutil.copytree(corpus, root, ignore=shutil.ignore_patterns("exp"))
    tokens = ["<blank>", "<unk>", *"edcba", "x", "<sos/eos>"]
    (root / "tokens.txt").write_text("\n".join(tokens) + "\n")
    lines = [x.split(maxsplit=1) for x in (corpus / "text").read_text().splitlines()]
    texts = [f"{utt} {text.replace(' ', 'x')}\n" for utt, text in lines]
    (root / "text").write_text("".join(texts))
    file = root / "stats" / "train" / "feats_stats.npz"
    stats = dict(np.load(file))
    stats["sum_square"] += 2 * stats["sum"] + stats["count"]  # all mels 1 higher
    stats["sum"] += stats["count"]
    np.savez(file, **stats)
    return root


def rows(exp):
    weights = load_weights(best(exp))
    embed = next(k for k in weights if k.endswith(".embed.0.weight"))
    return dict(zip(read_config(exp)["token_list"], weights[embed], strict=True))


def test_embeddings_go_by_symbol_and_statistics_come_along(
    teacher, other, tmp_path, caplog
):
    start = ["--init_param", str(best(teacher)), *STILL]
    exp = train(other, TEACHER, tmp_path / "exp", *start)
    before, after = rows(teacher), rows(exp)
    for symbol in ("<blank>", "<unk>", *"abcde", "<sos/eos>"):
        assert torch.equal(before[symbol], after[symbol]), symbol
    assert after["x"].abs().sum() > 0
    old, new = load_weights(best(teacher)), load_weights(best(exp))
    assert torch.equal(old["normalize.mean"], new["normalize.mean"])
    others = [k for k in old if "embed.0" not in k]
    assert all(torch.equal(old[k], new[k]) for k in others)
    assert "vanished: <space>" in caplog.text
    assert "new, at a random start: x" in caplog.text
    assert read_config(exp)["init_param"] == []


def test_a_part_of_the_weights(teacher, other, tmp_path):
    part = f"{best(teacher)}:tts.encoder:tts.encoder:tts.encoder.embed"
    exp = train(other, TEACHER, tmp_path / "exp", "--init_param", part, *STILL)
    old, new = load_weights(best(teacher)), load_weights(best(exp))
    assert torch.equal(old["normalize.mean"], new["normalize.mean"])
    same = {k for k in old if k in new and torch.equal(old[k], new[k])}
    differing = "tts.denoiser.network.in_proj.weight"
    assert differing not in same
    inside = {k for k in old if k.startswith("tts.encoder.encoders")}
    assert inside and inside <= same
    assert not any(torch.equal(rows(teacher)[s], rows(exp)[s]) for s in "abc")


@pytest.mark.parametrize(
    "more, error, message",
    [
        (
            ["--feats_extract_conf", "fmax=4000"],
            ConfigError,
            "fmax: 4000 here, 7600 th",
        ),
        (
            ["--tts_conf", "adim=4"],
            CheckpointError,
            "is .* in the file, .* in the model",
        ),
    ],
)
def test_weights_that_mean_something_else_are_refused(
    teacher, corpus, tmp_path, more, error, message
):
    start = ["--init_param", str(best(teacher)), *STILL]
    with pytest.raises(error, match=message):
        train(corpus, TEACHER, tmp_path / "exp", *start, *more)


def test_weights_without_their_config_are_refused(teacher, corpus, tmp_path):
    shutil.copy(best(teacher), tmp_path / "bare.pth")
    start = ["--init_param", str(tmp_path / "bare.pth")]
    with pytest.raises(ConfigError, match="bare.pth has no config.yaml beside it"):
        train(corpus, TEACHER, tmp_path / "exp", *start)


def give_speakers(root, table):
    (root / "utt2spk").write_text("".join(f"u{i} {s}\n" for i, s in enumerate(table)))
    ids = {name: i for i, name in enumerate(sorted(set(table)), 1)}
    lines = "".join(f"u{i} {ids[s]}\n" for i, s in enumerate(table))
    (root / "utt2sid").write_text(lines)
    return [
        f"--{part}_data_path_and_name_and_type={root}/utt2sid,sids,text_int"
        for part in ("train", "valid")
    ]


def test_from_a_packed_voice_with_a_new_speaker(corpus, other, tmp_path, caplog):
    caplog.set_level("INFO")
    copy = tmp_path / "voice"
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns("exp"))
    sids = give_speakers(copy, ["ann", "bob", "cid"] * 2)
    spks = ["--tts_conf", "spks=4", "--max_epoch", "1"]
    exp = train(copy, TEACHER, tmp_path / "exp", *sids, *spks)
    assert read_config(exp)["speakers"] == {"ann": 1, "bob": 2, "cid": 3}
    config = read_config(exp)
    config["tts_conf"]["distilled_times"] = [1000.0, 0.0]
    config["tts_conf"]["num_steps"] = 1
    (exp / "config.yaml").write_text(yaml.safe_dump(config))
    pack_voice(best(exp), tmp_path / "voice.zip", dtype="float32")
    sids = give_speakers(other, ["aaron", "bob"] * 3)
    new = train(
        other, "conf/debug/train_prodiff.yaml", tmp_path / "new",
        *sids, "--from", str(tmp_path / "voice.zip"), *STILL,
    )  # fmt: skip
    assert read_config(new)["speakers"] == {"aaron": 1, "bob": 2, "cid": 3, "ann": 4}
    conf = read_config(new)["tts_conf"]
    assert conf["spks"] == 5
    assert conf.get("distilled_times") is None and conf.get("num_steps") is None
    old, now = load_weights(best(exp)), load_weights(best(new))
    old, now = old["tts.sid_emb.weight"], now["tts.sid_emb.weight"]
    assert torch.equal(now[[0, 2, 3, 4]], old[[0, 2, 3, 1]])
    torch.testing.assert_close(now[1], old[1:].mean(0))
    assert "new aaron" in caplog.text


def test_a_student_of_a_packed_teacher(teacher, corpus, tmp_path):
    pack_voice(best(teacher), tmp_path / "teacher.zip", dtype="float32")
    exp = train(
        corpus, "conf/debug/distill_prodiff.yaml", tmp_path / "exp",
        "--teacher_model_file", str(tmp_path / "teacher.zip"), "--max_epoch", "1",
    )  # fmt: skip
    assert read_config(exp)["tts_conf"]["num_steps"] == 2
    record = yaml.safe_load((exp / "teacher.yaml").read_text())
    assert record["teacher_num_steps"] == 4
    # With --from its network and tokens as well, whatever the config says of them.
    zipped = str(tmp_path / "teacher.zip")
    config = yaml.safe_load(open("conf/debug/distill_prodiff.yaml"))
    config["tts_conf"] = {"adim": 4, "num_steps": 3}
    (tmp_path / "distill.yaml").write_text(yaml.safe_dump(config))
    root = shutil.copytree(corpus, tmp_path / "c", ignore=shutil.ignore_patterns("exp"))
    file = root / "stats" / "train" / "feats_stats.npz"
    stats = dict(np.load(file))  # of mels that are greater by 1
    stats["sum_square"] = stats["sum_square"] + 2 * stats["sum"] + stats["count"]
    np.savez(file, **{**stats, "sum": stats["sum"] + stats["count"]})
    exp = train(
        root, str(tmp_path / "distill.yaml"), tmp_path / "from",
        "--from", zipped, "--teacher_model_file", zipped, "--max_epoch", "1",
    )  # fmt: skip
    assert read_config(exp)["tts_conf"]["num_steps"] == 2
    adim = read_config(teacher)["tts_conf"]["adim"]
    assert read_config(exp)["tts_conf"]["adim"] == adim


def test_a_packed_teacher_of_bin_distill_says_what_it_lacks(teacher, tmp_path):
    pack_voice(best(teacher), tmp_path / "t.zip", dtype="float32")
    words = ["--config", "conf/debug/distill_prodiff.yaml"]
    words += ["--teacher_model_file", str(tmp_path / "t.zip"), "--num_steps", "2"]
    with pytest.raises(UserError, match="t.zip has no experiment directory.*--output"):
        distill.main(words)
    with pytest.raises(UserError, match="t.zip brings no data: .*stage 7 of a recipe"):
        distill.main([*words, "--output_prefix", str(tmp_path / "x")])


def test_a_recipe_takes_the_voices_features_and_text(tmp_path):
    voice = find_voice("demo")
    sets = ["--train_set", "t", "--valid_set", "d", "--test_sets", "d"]
    options = parse([*sets, "--from", "demo", "--fs", "22050", "--g2p", "none"])
    assert options.from_voice == "demo"
    taken = recipe_options(options, voice)
    assert (taken.fs, taken.win_length, taken.fmax) == ("16000", "720", "8000")
    assert taken.g2p == "none"
    assert resolve(taken).tts_exp.endswith("phn_tacotron_none_from_demo")
    with pytest.raises(ConfigError, match="trained on phones, which .*--g2p none"):
        recipe_options(replace(options, g2p="g2p_en"), voice)
    espeak = StartVoice(voice.model_file, voice.config | {"g2p": "espeak_ng_german"})
    taken = recipe_options(replace(options, g2p="g2p_en"), espeak)
    assert (taken.g2p, taken.cleaner) == ("espeak_ng_german", "none")
    joined = joined_tokens(voice, ["<blank>", "<unk>", "hh", "ts", "<sos/eos>"])
    assert joined == [*voice.tokens[:-1], "ts", "<sos/eos>"]
    with pytest.raises(ConfigError, match="ends in <sos/eos>, this recipe's in hh"):
        joined_tokens(voice, ["hh"])


def test_speakers_are_numbered_after_those_of_the_voice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"speakers": {"ann": 1, "cid": 4}}
    voice = SimpleNamespace(config=config)
    monkeypatch.setattr("espnet_prodiff.recipe.stages_data.find_voice", lambda _: voice)
    options = Options(
        train_set="t", valid_set="d", test_sets="", use_sid=True, from_voice="v"
    )
    for name, speaker in (("t", "zoe"), ("d", "ann")):
        folder = options.org(name)
        folder.mkdir(parents=True)
        (folder / "utt2spk").write_text(f"a {speaker}\n")
    prepare_ids(options)
    assert (options.org("t") / "utt2sid").read_text() == "a 5\n"
    assert (options.org("d") / "utt2sid").read_text() == "a 1\n"
    names = (options.org("t") / "spk2sid").read_text().splitlines()
    assert names == ["<unk> 0", "ann 1", "cid 4", "zoe 5"]
