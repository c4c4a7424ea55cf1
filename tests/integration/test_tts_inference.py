"""The inference command: ESPnet's layout, yaml options, batches, bad utterances."""

import shutil

import numpy as np
import pytest
import soundfile
from espnet2.bin import tts_inference as espnet
from espnet2.bin.tts_inference import get_parser as espnet_parser

from espnet_prodiff.bin import tts_inference
from espnet_prodiff.inference.decoding import decode_texts
from tests.integration.tiny_models import write_model

TEXTS = {"u1": "hello there.", "u2": "hi", "u3": "good morning, all.", "u4": "yes"}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("exp"))[1]


@pytest.fixture
def data(tmp_path):
    def write(texts):
        lines = [f"{key} {text}\n" for key, text in texts.items()]
        (tmp_path / "text").write_text("".join(lines))
        return f"{tmp_path}/text,text,text"

    return write


def run(model_file, out, *options, main=tts_inference.main):
    main(
        ["--model_file", str(model_file), "--output_dir", str(out)]
        + ["--train_config", str(model_file.parent / "config.yaml")]
        + ["--vocoder_file", "none", "--num_workers", "0", "--log_level", "ERROR"]
        + [str(option) for option in options]
    )
    return out


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def table(path):
    return dict(line.split(maxsplit=1) for line in path.read_text().splitlines())


def test_every_option_of_espnets_command_is_there():
    mine = {a.dest: a.default for a in tts_inference.get_parser()._actions}
    for action in espnet_parser()._actions:
        assert mine[action.dest] == action.default


def test_layout_and_content(model_file, data, tmp_path):
    out = run(
        model_file, tmp_path / "out", "--data_path_and_name_and_type", data(TEXTS)
    )
    theirs = run(
        model_file,
        tmp_path / "theirs",
        "--data_path_and_name_and_type",
        data(TEXTS),
        main=espnet.main,
    )
    only_mine = files(out) - files(theirs)
    assert only_mine == {"speed/speed"} and not files(theirs) - files(out)
    assert table(out / "speech_shape/speech_shape") == table(
        theirs / "speech_shape/speech_shape"
    )
    assert table(out / "durations/durations") == table(theirs / "durations/durations")
    for key, text in TEXTS.items():
        wave, fs = soundfile.read(out / f"wav/{key}.wav")
        durations = list(map(int, table(out / "durations/durations")[key].split()))
        assert len(durations) == len(text) + 1 and fs == 22050
        assert len(wave) == (sum(durations) - 1) * 256
        audio, model, vocoder = map(float, table(out / "speed/speed")[key].split())
        assert audio == pytest.approx(len(wave) / fs, abs=1e-5)
        assert model > 0 and vocoder > 0


def test_batches_and_order_do_not_change_what_is_said(model_file, data, tmp_path):
    option = "--data_path_and_name_and_type"
    one = run(model_file, tmp_path / "1", option, data(TEXTS), "--seed", 3)
    turned = dict(reversed(TEXTS.items()))
    three = run(
        model_file, tmp_path / "3", option, data(turned), "--seed", 3, "--batch_size", 3
    )
    other = run(model_file, tmp_path / "o", option, data(TEXTS), "--seed", 4)
    for key in TEXTS:
        mels = [np.load(out / f"norm/{key}.npy") for out in (one, three, other)]
        np.testing.assert_allclose(mels[0], mels[1], atol=1e-4)
        assert np.abs(mels[0] - mels[2]).max() > 0.01
        waves = [soundfile.read(out / f"wav/{key}.wav")[0] for out in (one, three)]
        np.testing.assert_allclose(*waves, atol=1e-4 + 1 / 2**15)


def test_options_from_decode_yaml(model_file, data, tmp_path, monkeypatch):
    confs = []
    plain = tts_inference.Text2Speech.features

    def spy(self, items, conf):
        confs.append(conf)
        return plain(self, items, conf)

    monkeypatch.setattr(tts_inference.Text2Speech, "features", spy)
    (tmp_path / "decode.yaml").write_text(
        "num_steps: 2\neta: 0.3\ntemperature: 0.6\nspeed_control_alpha: 1.5\n"
        "speed: 1.2\npitch: 2\nenergy: -3.0\nvolume: 1.0\n"
    )
    text = data({"u": "hi"})
    option = [
        "--data_path_and_name_and_type",
        text,
        "--config",
        tmp_path / "decode.yaml",
    ]
    run(model_file, tmp_path / "out", *option)
    expected = dict(num_steps=2, eta=0.3, temperature=0.6, alpha=1.5, seed=0)
    expected |= dict(speed=1.2, pitch=2.0, energy=-3.0)
    assert confs[0] == {**expected, "use_teacher_forcing": False}
    run(model_file, tmp_path / "out", *option, "--num_steps", "1", "--pitch", "-1")
    assert confs[1] == {**confs[0], "num_steps": 1, "pitch": -1.0}


@pytest.mark.parametrize("batch_size", [1, 3])
def test_bad_utterances_are_named_and_the_others_spoken(
    batch_size, model_file, data, tmp_path, capsys
):
    texts = {**TEXTS, "u2": "oh 7 no"}
    option = ["--data_path_and_name_and_type", data(texts), "--batch_size", batch_size]
    with pytest.raises(SystemExit) as stop:
        run(model_file, tmp_path / "out", *option)
    assert "1 utterances could not be spoken" in str(stop.value)
    assert "utterance u2: unknown symbols" in capsys.readouterr().err
    assert set(table(tmp_path / "out/durations/durations")) == {"u1", "u3", "u4"}
    run(model_file, tmp_path / "out", *option, "--unknown_symbols", "skip")
    assert set(table(tmp_path / "out/durations/durations")) == set(TEXTS)


def test_decoding_from_python(model_file, tmp_path):
    text2speech = tts_inference.Text2Speech(model_file=model_file)
    texts = ["hello there.", "oh 7 no", "hi"]
    failures = decode_texts(text2speech, texts, tmp_path, batch_size=2, seed=3)
    assert len(failures) == 1 and "utterance text2: unknown" in failures[0]
    wave, _ = soundfile.read(tmp_path / "wav/text3.wav", dtype="float32")
    expected = text2speech("hi", seed=3)["wav"].numpy()
    np.testing.assert_allclose(wave, expected, atol=1e-3)


def test_texts_of_the_command_line(model_file, tmp_path):
    run(model_file, tmp_path / "out", "--text", "hello there.", "hi")
    assert files(tmp_path / "out") >= {"wav/text1.wav", "wav/text2.wav"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "either --text or --data_path_and_name_and_type"),
        (["--text", "hi", "--num_steps", "9"], "num_steps must be between 1 and 4"),
        (["--text", "hi", "--speed_control_alpha", "0"], "alpha is 0"),
        (["--text", "hi", "--solver", "euler"], "solver is 'euler'"),
        (["--text", "hi", "--batch_size", "0"], "batch_size must be a whole number"),
        (["--text", "hi", "--ngpu", "2"], "ngpu is 2: expected one GPU"),
        (["--text", "hi", "--vocoder_file", "v.onnx"], "of no known kind"),
        (["--text", "hi", "--model_file", "none.pth"], "none.pth does not exist"),
        (["--text", "hi", "--model_tag", "none.zip"], "none.zip does not exist"),
    ],
)
def test_one_clear_error(options, message, model_file, tmp_path):
    with pytest.raises(SystemExit) as stop:
        run(model_file, tmp_path / "out", *options)
    assert message in str(stop.value)
    assert not (tmp_path / "out").exists()


def test_names_with_paths_stay_out(model_file, data, tmp_path):
    with pytest.raises(SystemExit, match="files are named after it"):
        run(
            model_file,
            tmp_path / "out",
            "--data_path_and_name_and_type",
            data({"../../u1": "hi"}),
        )
    assert not list(tmp_path.glob("*.wav"))


TACOTRON2 = dict(
    embed_dim=8,
    elayers=1,
    eunits=8,
    econv_layers=1,
    econv_chans=8,
    econv_filts=3,
    adim=8,
    aconv_chans=2,
    aconv_filts=3,
    dlayers=1,
    dunits=8,
    prenet_units=8,
    postnet_layers=0,
)


def test_attention_models_get_their_pictures(tmp_path):
    none = dict(pitch_extract=None, energy_extract=None)
    _, model = write_model(tmp_path / "t", "tacotron2", tts_conf=TACOTRON2, **none)
    out = run(model, tmp_path / "out", "--text", "hello", "--maxlenratio", 3)
    images = {"att_ws/text1.png", "probs/text1.png"}
    assert images | {"wav/text1.wav", "norm/text1.npy"} <= files(out)
    assert len(table(out / "durations/durations")["text1"].split()) == 6


def test_teacher_forcing_from_files(model_file, data, tmp_path):
    text = data({"u": "hi"})
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "u.wav", 0.1 * rng.standard_normal(256 * 20), 22050)
    (tmp_path / "wav.scp").write_text(f"u {tmp_path}/u.wav\n")
    (tmp_path / "durations").write_text("u 7 9 5\n")
    option = "--data_path_and_name_and_type"
    inputs = [option, text, option, f"{tmp_path}/wav.scp,speech,sound"]
    inputs += [option, f"{tmp_path}/durations,durations,text_int"]
    out = run(model_file, tmp_path / "out", *inputs, "--use_teacher_forcing", "true")
    assert table(out / "durations/durations") == {"u": "7 9 5"}
    shutil.rmtree(out)
    out = run(model_file, tmp_path / "out", *inputs)
    assert table(out / "durations/durations")["u"] != "7 9 5"
