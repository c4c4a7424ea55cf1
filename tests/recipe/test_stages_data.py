import logging
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import naming, stages_data
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.naming import resolve
from espnet_prodiff.recipe.stage_tokens import make_token_list

# Seconds of speech, speaker and text of each utterance.
CORPUS = {
    "tr": {
        "a1": (1.0, "anna", "hello there"),
        "a2": (0.05, "anna", "short"),
        "b1": (2.0, "bert", "a good day"),
        "b2": (1.5, "bert", ""),
    },
    "dev": {"a3": (1.0, "anna", "good"), "c1": (1.0, "carl", "hello")},
    "eval1": {"b9": (0.05, "bert", "day")},
}
LANGUAGE = {"anna": "en", "bert": "de", "carl": "fr"}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, utterances in CORPUS.items():
        d = tmp_path / "data" / name
        d.mkdir(parents=True)
        tables = {"wav.scp": {}, "text": {}, "utt2spk": {}, "utt2lang": {}}
        for u, (seconds, speaker, text) in utterances.items():
            soundfile.write(
                d / f"{u}.wav", rng.normal(0, 0.1, int(8000 * seconds)), 8000
            )
            tables["wav.scp"][u] = f"data/{name}/{u}.wav"
            tables["text"][u] = text
            tables["utt2spk"][u] = speaker
            tables["utt2lang"][u] = LANGUAGE[speaker]
        for table, lines in tables.items():
            write_table(d / table, lines)
    return tmp_path


@pytest.mark.parametrize("name", ["../../../../evil", "{folder}/evil"])
def test_an_utterance_cannot_write_elsewhere(recipe, name):
    name = name.format(folder=recipe)
    for path in (recipe / "data/tr").iterdir():
        if path.suffix != ".wav":
            path.write_text(path.read_text().replace("a1 ", f"{name} "))
    with pytest.raises(UserError, match=r"data/tr/utt2spk: utterance '.*': files"):
        stages_data.format_audio(make_options())
    assert not list(recipe.rglob("evil*"))


def make_options(*words):
    sets = ["--train_set", "tr", "--valid_set", "dev", "--test_sets", "dev eval1"]
    more = ["--fs", "8000", "--nj", "2", "--audio_format", "wav", "--cleaner", "none"]
    return resolve(parse([*sets, *more, *words]))


def table(name):
    return read_table(Path(name))


def test_tables_of_stages_two_to_four(recipe, caplog):
    caplog.set_level(logging.INFO)
    options = make_options("--use_sid", "true", "--use_lid", "true")
    stages_data.format_audio(options)
    assert table("dump/raw/org/tr/utt2num_samples") == {
        "a1": "8000",
        "a2": "400",
        "b1": "16000",
        "b2": "12000",
    }
    assert table("dump/raw/eval1/wav.scp") == {"b9": "data/eval1/b9.wav"}
    assert table("dump/raw/org/tr/feats_type") == {"raw": ""}
    stages_data.prepare_ids(options)
    assert table("dump/raw/org/tr/spk2sid") == {"<unk>": "0", "anna": "1", "bert": "2"}
    assert table("dump/raw/org/dev/utt2sid") == {"a3": "1", "c1": "0"}
    assert table("dump/raw/eval1/utt2sid") == {"b9": "2"}
    assert table("dump/raw/org/tr/lang2lid") == {"<unk>": "0", "de": "1", "en": "2"}
    assert table("dump/raw/org/dev/utt2lid") == {"a3": "2", "c1": "0"}
    assert "not in the training set and get id 0: carl" in caplog.text
    stages_data.filter_data(options)
    for name, expected in (
        ("text", {"a1": "hello there", "b1": "a good day"}),
        ("utt2sid", {"a1": "1", "b1": "2"}),
        ("spk2utt", {"anna": "a1", "bert": "b1"}),
        # As tts.sh: not filtered by the text.
        ("utt2num_samples", {"a1": "8000", "b1": "16000", "b2": "12000"}),
        (".backup/text", {"a1": "hello there", "a2": "short", "b1": "a good day"}),
    ):
        assert table(f"dump/raw/tr/{name}") == expected
    assert "keeps 2 of 4 utterances; left out, by name in dump/raw/tr" in caplog.text
    assert table("dump/raw/tr/left_out") == {"a2": "too short", "b2": "no text"}


def test_files_of_an_earlier_run_with_more_jobs_are_not_listed(recipe):
    stages_data.format_audio(make_options("--audio_format", "flac"))
    first = table("dump/raw/org/tr/wav.scp")
    assert first["a1"] == "dump/raw/org/tr/data/format.1/a1.flac"
    stages_data.format_audio(make_options("--audio_format", "flac", "--nj", "1"))
    again = table("dump/raw/org/tr/wav.scp")
    assert list(again) == list(first)
    assert again["b2"] == "dump/raw/org/tr/data/format.1/b2.flac"


def test_a_test_utterance_without_text_is_named(recipe):
    write_table(recipe / "data/eval1/text", {"b9": ""})
    with pytest.raises(UserError, match="eval1/text: utterance b9 has no text"):
        stages_data.format_audio(make_options())


def test_an_empty_set_is_refused_with_the_reasons(recipe):
    options = make_options("--min_wav_duration", "5")
    stages_data.format_audio(options)
    with pytest.raises(UserError, match="3 have text, 0 are between 5.0 and 20.0 s"):
        stages_data.filter_data(options)


def test_speaker_embeddings_of_the_data_are_copied(recipe):
    options = make_options("--use_spk_embed", "true", "--spk_embed_tag", "xvector")
    stages_data.format_audio(options)
    with pytest.raises(
        UserError, match=r"data/tr/xvector.scp does not exist.*speaker model of ESPnet"
    ):
        stages_data.prepare_ids(options)
    for name, utterances in CORPUS.items():
        path = f"data/{name}/xvector"
        with kaldiio.WriteHelper(f"ark,scp:{path}.ark,{path}.scp") as f:
            for i, u in enumerate(utterances):
                f[u] = np.full(3, i, np.float32)
    stages_data.prepare_ids(options)
    stages_data.filter_data(options)
    vectors = kaldiio.load_scp("dump/xvector/tr/xvector.scp")
    assert list(vectors) == ["a1", "b1"]
    assert np.array_equal(vectors["b1"], np.full(3, 2))
    by_speaker = kaldiio.load_scp("dump/xvector/tr/spk_xvector.scp")
    assert np.array_equal(by_speaker["bert"], np.full(3, 2.5))


def test_sentencepiece_tokens_and_an_unsuitable_size(recipe):
    words = ("--token_type", "bpe", "--srctexts", "data/tr/text", "--nbpe")
    with pytest.raises(UserError, match="--nbpe 500 does not suit this text.*<= "):
        make_token_list(make_options(*words, "500"))
    options = make_options(*words, "16")
    make_token_list(options)
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(str(naming.bpe_model(options)))
    pieces = model.encode("a good day", out_type=str)
    tokens = naming.token_list(options).read_text().split("\n")
    assert model.get_piece_size() == 16
    assert set(pieces) <= set(tokens)
    assert tokens[:2] + tokens[-2:] == ["<blank>", "<unk>", "<sos/eos>", ""]


def test_no_text_for_tokens_is_named(recipe):
    with pytest.raises(UserError, match="--srctexts '' names no text"):
        make_token_list(make_options())


def test_a_missing_data_script_is_named(recipe):
    with pytest.raises(UserError, match=r"no local/data.sh in .*--stage 2"):
        stages_data.prepare_data(make_options())
