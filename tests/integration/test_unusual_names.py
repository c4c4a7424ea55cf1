"""Utterances of any name: through all stages whole, or refused by name."""

import pytest
import soundfile

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.audio import read_recording
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.inference.decoding import decode_files
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.recipe.data_dir import copy_data_dir, filter_to_common_utterances
from espnet_prodiff.recipe.format_wav import format_wav
from tests.integration.corpus import collect_stats, make_corpus, train
from tests.integration.tiny_models import write_model

CONFIG = "conf/debug/train_prodiff.yaml"
NAMES = [
    *("-u1", "--help", "-", ".hidden", "~", "$HOME", "$(touch)", "`id`", "a;b", "a&b"),
    *("a|", "|a", "a'b", 'a"b', "*", "?[a]", "{x}", "!x", "#c", "%s", "a<b>", "=x"),
    *("a:1", "x.ark:12", "a,b", "@f", "con", "1", "a%2Fb", "a+b", "(1)", "^$", "a.b"),
    *("\u00fc-\u00e9", "u\u0308", "\u65e5\u672c\u8a9e", "\u0438\u0301", "\U0001f600"),
    *("\u200bz", "a\u00adb", "\u202eab", "A", "a"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The tables of the small corpus with each of the names."""
    root = make_corpus(tmp_path_factory.mktemp("corpus"))
    for name in ("wav.scp", "text", "durations"):
        rows = list(read_table(root / name).values())
        write_table(
            root / name, {utt: rows[n % len(rows)] for n, utt in enumerate(NAMES)}
        )
    write_table(root / "utt2spk", dict.fromkeys(NAMES, "anna"))
    return root


@pytest.mark.parametrize("kind", ["wav", "flac", "flac.ark"])
def test_the_data_stages_keep_them_all(corpus, tmp_path, kind):
    copy_data_dir(corpus, tmp_path / "copy")
    filter_to_common_utterances(tmp_path / "copy")
    out = tmp_path / "out"
    format_wav(tmp_path / "copy" / "wav.scp", None, out, kind, 8000)
    written = read_table(out / "wav.scp")
    assert set(written) == set(read_table(out / "utt2num_samples")) == set(NAMES)
    for utt, source in read_table(corpus / "wav.scp").items():
        seconds = soundfile.info(source).duration
        samples, fs, _ = read_recording(written[utt], utt)
        assert fs == 8000 and len(samples) == pytest.approx(8000 * seconds, abs=2)


def test_they_are_trained_on_and_spoken(corpus, tmp_path):
    collect_stats(corpus, CONFIG)
    for part in ("train", "valid"):
        for name in ("text", "speech"):
            assert set(read_table(corpus / f"stats/{part}/{name}_shape")) == set(NAMES)
    exp = train(corpus, CONFIG, tmp_path / "exp", "--max_epoch", "1")
    assert (exp / "1epoch.pth").is_file()
    files = write_model(tmp_path / "model")
    speak = Text2Speech(*files, num_steps=1)
    text = (f"{corpus}/text", "text", "text")
    decode_files(speak, [text], tmp_path / "decoded", batch_size=8, num_workers=0)
    folder = tmp_path / "decoded" / "wav"
    assert {path.name for path in folder.iterdir()} == {f"{utt}.wav" for utt in NAMES}
    assert set(read_table(tmp_path / "decoded" / "speech_shape" / "speech_shape")) == (
        set(NAMES)
    )


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", ".", "a\\b", "a\x01b", "a\x7fb", "u" * 201, "\u3000", "a\x85b"],
)
def test_others_are_refused_by_name(tmp_path, name):
    for table, value in {"utt2spk": "anna", "text": "hi", "wav.scp": "a.wav"}.items():
        (tmp_path / table).write_text(f"u1 {value}\n{name} {value}\n")
    with pytest.raises(UserError, match=r"utt2spk: (utterance|line 2)|utterance a has"):
        copy_data_dir(tmp_path, tmp_path / "copy")
