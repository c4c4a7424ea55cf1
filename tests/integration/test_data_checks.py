"""Bad data stop a stage with one error that names them."""

import shutil

import numpy as np
import pytest
import soundfile as sf

from espnet_prodiff.bin import tts_train
from espnet_prodiff.errors import DataError
from espnet_prodiff.training.data_checks import CheckedPreprocessor
from espnet_prodiff.training.task import DiffusionTTSTask
from tests.integration.conftest import TEACHER
from tests.integration.corpus import FS, HOP, collect_stats, train, train_options


@pytest.fixture
def spoiled(corpus, tmp_path):
    """A copy of the corpus to be spoiled; its files still name the originals."""
    copy = shutil.copytree(corpus, tmp_path / "spoiled", ignore=lambda *_: ["exp"])
    scp = copy / "wav.scp"
    scp.write_text(scp.read_text().replace(str(corpus), str(copy)))
    return copy


def replace_line(path, utt, line):
    rows = path.read_text().splitlines()
    rows = [line if row.split()[0] == utt else row for row in rows]
    path.write_text("\n".join(row for row in rows if row) + "\n")


@pytest.mark.parametrize(
    "file, line, message",
    [
        ("durations", "u2 3 4 5", "utterance u2: 3 durations, expected 10: one for"),
        ("durations", "u3 3 -4 9 9 9", "utterance u3: expected integers >= 0"),
        ("durations", "u3 1 1 1 1 1", "u3: its durations sum to 5 frames, but its"),
        ("durations", "", "lacks 1 of the utterances of .*: u2"),
    ],
)
@pytest.mark.parametrize("stage", [6, 7])
def test_wrong_durations(spoiled, tmp_path, file, line, message, stage):
    replace_line(spoiled / file, line.split()[0] if line else "u2", line)
    with pytest.raises(DataError, match=message):
        if stage == 6:
            collect_stats(spoiled, TEACHER)
        else:
            train(spoiled, TEACHER, tmp_path / "exp")


def test_no_durations_at_all(corpus, tmp_path):
    options = train_options(corpus, TEACHER, tmp_path / "exp")
    without = []
    for option, value in zip(options[::2], options[1::2], strict=True):
        if ",durations," not in value:
            without += [option, value]
    with pytest.raises(DataError, match="needs durations.*--teacher_dumpdir"):
        tts_train.main(without)
    assert not (tmp_path / "exp").exists()


@pytest.mark.parametrize(
    "audio, message",
    [
        (np.full(4000, np.nan, np.float32), "utterance u1: its audio holds NaN"),
        (np.zeros((4000, 2), np.float32), "utterance u1: its audio is stereo"),
        (np.zeros(0, np.float32), "utterance u1: its audio is empty"),
    ],
)
def test_wrong_audio(spoiled, audio, message):
    sf.write(spoiled / "wav" / "u1.wav", audio, FS, "FLOAT")
    with pytest.raises(DataError, match=message):
        collect_stats(spoiled, TEACHER)


def test_text_without_tokens(corpus):
    args = tts_train.get_parser().parse_args(
        ["--token_list", f"{corpus}/tokens.txt", "--token_type", "char"]
    )
    preprocess = DiffusionTTSTask.build_preprocess_fn(args, train=False)
    with pytest.raises(DataError, match="utterance u4: its text '' has no tokens"):
        preprocess("u4", dict(text=""))


def test_unknown_symbols_are_named_with_their_position(spoiled, caplog):
    replace_line(spoiled / "text", "u4", "u4 dzd")
    collect_stats(spoiled, TEACHER)
    assert "utterance u4" in caplog.text and "'z' (token 2)" in caplog.text


def test_statistics_of_another_corpus(spoiled, tmp_path):
    stats = spoiled / "stats" / "train" / "feats_stats.npz"
    with np.load(stats) as old:
        values = dict(old)
    np.savez(stats, **{**values, "count": values["count"] + 7})
    with pytest.raises(DataError, match="it is of another corpus"):
        train(spoiled, TEACHER, tmp_path / "exp")
    np.savez(
        stats,
        **{
            name: value[..., :5] if value.ndim else value
            for name, value in values.items()
        },
    )
    with pytest.raises(DataError, match="5 mel bins, but the features have 20"):
        train(spoiled, TEACHER, tmp_path / "exp")
    stats.unlink()
    with pytest.raises(DataError, match="does not exist: run stage 6"):
        train(spoiled, TEACHER, tmp_path / "exp")


def test_audio_of_integers_is_refused_and_clipped_audio_named(caplog):
    check = CheckedPreprocessor(lambda uid, data: data, HOP)
    loud = np.full(1000, 3e4, np.float32)
    with pytest.raises(DataError, match="u7: its audio reaches 30000, .* from -1 to 1"):
        check("u7", {"speech": loud})
    clipped = np.sin(np.arange(1000, dtype=np.float32)) * 2
    check("u8", {"speech": clipped.clip(-1, 1)})
    check("u8", {"speech": clipped.clip(-1, 1)})
    named = [r.message for r in caplog.records if "u8" in r.message]
    assert len(named) == 1 and "clipped" in named[0]
    for fine in (np.zeros(1000, np.float32), 0.5 * clipped):
        check("u9", {"speech": fine})
    assert "u9" not in caplog.text


@pytest.mark.parametrize("frames, value", [(3, 0.0), (4, np.nan)])
def test_mels_that_do_not_belong_to_the_audio(frames, value):
    check = CheckedPreprocessor(lambda uid, data: data, HOP)
    speech = np.zeros(HOP * 3 + 5, np.float32)
    mels = np.zeros((4, 20), np.float32)
    check("u1", {"speech": speech, "durations": mels})
    wrong = np.full((frames, 20), value, np.float32)
    with pytest.raises(DataError, match=f"u1: its mels have {frames} frames, exp.* 4"):
        check("u1", {"speech": speech, "durations": wrong})
