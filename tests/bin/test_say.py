"""``say`` as a process, and what it refuses."""

import re
import subprocess
import sys

import pytest
import soundfile

from espnet_prodiff.bin import say
from espnet_prodiff.inference import playback
from tests.integration.tiny_models import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_model(folder)
    return str(folder)


def test_a_text_from_a_pipe_into_a_pipe(model):
    command = [sys.executable, "-m", "espnet_prodiff", "say", "-", "-o", "-"]
    command += ["--model", model, "--steps", "1", "--speed", "1.5", "--volume", "0.5"]
    done = subprocess.run(command, input=b"hello there. go.", capture_output=True)
    line = r"-: [\d.]+ s of speech, [\d.]+ times real time\n"
    assert done.returncode == 0 and re.fullmatch(line, done.stderr.decode())
    assert done.stdout[:4] == b"RIFF" and done.stdout[8:16] == b"WAVEfmt "
    seconds = float(done.stderr.split()[1])
    assert (len(done.stdout) - 44) / 2 / 22050 == pytest.approx(seconds, abs=0.01)


def test_the_voice_in_the_box(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    say.main(["Hello there.", "-o", str(tmp_path / "hello.wav")])
    wav, fs = soundfile.read(tmp_path / "hello.wav")
    assert fs == 16000 and 0.5 < len(wav) / fs < 1.5 and 0.2 < abs(wav).max() <= 1
    assert capsys.readouterr().err == ""


def test_a_file(model, tmp_path, capsys):
    path = tmp_path / "new" / "hello.flac"
    say.main(["hello", "there.", "--model", model, "-o", str(path), "--seed", "3"])
    out = capsys.readouterr()
    seconds = soundfile.info(path).duration
    line = rf"{path}: {seconds:.2f} s of speech, [\d.]+ times real time\n"
    assert re.fullmatch(line, out.out)
    assert [p.name for p in path.parent.iterdir()] == ["hello.flac"]


def test_lines_into_a_folder_and_an_interrupted_run_goes_on(model, tmp_path, capsys):
    lines, out = tmp_path / "lines.txt", tmp_path / "out"
    lines.write_text("hello there.\n\ngo \u65e5\u672c on.\nstay. go.\n")
    command = ["-f", str(lines), "-o", f"{out}/", "--model", model, "--steps", "1"]
    with pytest.raises(SystemExit) as stop:
        say.main(command)
    assert re.match("0003: .*\u65e5", stop.value.code)
    assert "1 texts could not be spoken" in stop.value.code
    assert sorted(p.name for p in out.glob("*.wav")) == ["0001.wav", "0004.wav"]
    before = (out / "0001.wav").stat().st_mtime_ns
    lines.write_text("hello there.\n\ngo on.\nstay here. go.\n")
    changed = soundfile.info(out / "0004.wav").frames
    say.main(command)
    assert (out / "0001.wav").stat().st_mtime_ns == before
    assert (out / "0003.wav").is_file()
    assert soundfile.info(out / "0004.wav").frames > changed
    capsys.readouterr()
    say.main([*command, "--pitch", "1"])
    assert (out / "0001.wav").stat().st_mtime_ns > before
    assert capsys.readouterr().out.startswith(f"{out}: 3 files, ")


def test_texts_are_read_as_asked(model, tmp_path, capsys):
    def seconds(text, *options):
        path = tmp_path / "a.wav"
        say.main([text, "--model", model, "-o", str(path), *options])
        return soundfile.info(path).frames

    plain = seconds("ten is it")
    skipped = seconds("ten \u65e5\u672c is it", "--unknown_symbols", "skip")
    assert skipped == plain
    read = seconds("10 is it", "--text_normalizer", "english")
    assert read == plain
    with pytest.raises(SystemExit, match="unknown symbols .*'1'"):
        seconds("10 is it")


def test_a_table_names_its_files(model, tmp_path):
    table = tmp_path / "text"
    table.write_text("ann_1 hello\nann_2 go on\n")
    say.main(["--table", str(table), "-o", str(tmp_path), "--model", model])
    assert sorted(p.name for p in tmp_path.glob("*.wav")) == ["ann_1.wav", "ann_2.wav"]


def test_play_is_the_default(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(playback.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(playback.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="^say: error: there is nothing to play with"):
        say.main(["hello.", "--model", model])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give one of TEXT, -f FILE and --table FILE"),
        (["hi", "-f", "x"], "give one of TEXT"),
        (["  "], "the text is empty"),
        (["hi", "-o", "a.doc"], "a.doc ends in no format"),
        (["hi", "-o", "a.wav", "--play"], "give one of --play and -o"),
        (["-f", "nothing.txt"], "nothing.txt cannot be read: No such file"),
        (["--table", "t", "-o", "a.wav"], "--table is for -o FOLDER"),
        (["hi", "-o", "a.wav", "--model", "x.pth"], "x.pth does not exist"),
        (["hi", "-o", "a.wav", "--model", "x.zip"], "x.zip does not exist"),
        (["hi", "-o", "a.wav", "--model", "MODEL", "--speed", "0"], "speed is 0.0"),
        (["hi", "-o", "/dev/full", "--model", "MODEL"], "No space left on device"),
    ],
)
def test_one_line_for_what_is_wrong(model, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        say.main([model if option == "MODEL" else option for option in options])
    assert message in stop.value.code and "\n" not in stop.value.code
    assert not list(tmp_path.iterdir())


def test_the_voices_are_listed(capsys):
    say.main(["--list"])
    assert capsys.readouterr().out
