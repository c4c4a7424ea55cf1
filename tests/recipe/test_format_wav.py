import numpy as np
import pytest
import soundfile

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio import kaldi
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe.format_wav import format_wav, main

SINE = 0.5 * np.sin(np.arange(8000) * 2 * np.pi * 200 / 8000)


def scp(tmp_path, *lines):
    path = tmp_path / "wav.scp"
    path.write_text("".join(f"{x}\n" for x in lines))
    return path


def wav(tmp_path, name="a.wav", samples=SINE, rate=8000, **options):
    soundfile.write(tmp_path / name, samples, rate, **options)
    return tmp_path / name


def test_a_file_of_the_right_format_stays_where_it_is(tmp_path):
    source = wav(tmp_path)
    format_wav(scp(tmp_path, f"u {source}"), None, tmp_path / "out", "wav", 8000)
    assert read_table(tmp_path / "out" / "wav.scp") == {"u": str(source)}
    assert read_table(tmp_path / "out" / "utt2num_samples") == {"u": "8000"}


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_another_rate_or_format_is_converted(tmp_path, kind):
    source = wav(tmp_path)
    rate = 8000 if kind == "flac" else 16000
    format_wav(scp(tmp_path, f"u {source}"), None, tmp_path / "out", kind, rate)
    path = tmp_path / "out" / f"u.{kind}"
    assert read_table(tmp_path / "out" / "wav.scp") == {"u": str(path)}
    wave, fs = soundfile.read(path)
    assert (fs, len(wave)) == (rate, rate)
    t = np.arange(rate) / rate
    middle = slice(rate // 10, -rate // 10)
    expected = 0.5 * np.sin(2 * np.pi * 200 * t)
    assert np.abs(wave - expected)[middle].max() < 2e-3


def test_another_rate_in_the_middle_is_converted_alone(tmp_path):
    tone = 0.5 * np.sin(np.arange(24000) * 2 * np.pi * 200 / 24000)
    files = [wav(tmp_path), wav(tmp_path, "b.wav", tone, 24000), wav(tmp_path, "c.wav")]
    lines = [f"u{n} {file}" for n, file in enumerate(files)]
    format_wav(scp(tmp_path, *lines), None, tmp_path / "out", "wav", 8000)
    lengths = read_table(tmp_path / "out" / "utt2num_samples")
    assert lengths == dict.fromkeys(("u0", "u1", "u2"), "8000")
    middle, fs = soundfile.read(read_table(tmp_path / "out" / "wav.scp")["u1"])
    assert fs == 8000 and np.abs(middle - SINE)[800:-800].max() < 2e-3


def test_segments_are_cut_out(tmp_path):
    source = wav(tmp_path)
    cuts = tmp_path / "segments"
    cuts.write_text("u1 rec 0.25 0.5\nu2 rec 0.75 -1\n")
    format_wav(scp(tmp_path, f"rec {source}"), cuts, tmp_path / "out", "wav", 8000)
    lengths = read_table(tmp_path / "out" / "utt2num_samples")
    assert lengths == {"u1": "2000", "u2": "2000"}
    piece, _ = soundfile.read(tmp_path / "out" / "u1.wav")
    assert np.abs(piece - SINE[2000:4000]).max() < 1e-4


def test_a_pipe_is_run_where_it_was_allowed(tmp_path, monkeypatch):
    source, made = wav(tmp_path), tmp_path / "made"
    command = f"touch {made}; cat {source} |"
    with pytest.raises(UserError, match=r"utterance u .*--allow_pipes true"):
        format_wav(scp(tmp_path, f"u {command}"), None, tmp_path / "o", "wav", 8000)
    assert not made.exists()
    monkeypatch.setitem(kaldi._allowed, "pipes", True)
    format_wav(scp(tmp_path, f"u {command}"), None, tmp_path / "o", "wav", 8000)
    with pytest.raises(UserError, match=r"utterance u .*ended with 1"):
        format_wav(scp(tmp_path, "u false |"), None, tmp_path / "o", "wav", 8000)
    copied, _ = soundfile.read(tmp_path / "o" / "u.wav")
    assert np.array_equal(copied, soundfile.read(source)[0])


def test_ark_holds_the_samples(tmp_path):
    import kaldiio

    source = wav(tmp_path)
    out = tmp_path / "out"
    format_wav(scp(tmp_path, f"u {source}"), None, out, "flac.ark", 8000)
    samples, rate = kaldiio.load_scp(str(out / "wav.scp"))["u"]
    if isinstance(samples, int):  # older kaldiio gives the rate first
        samples, rate = rate, samples
    assert rate == 8000
    assert np.abs(samples - SINE).max() < 1e-4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda d: d / "none.wav", "no such file"),
        (lambda d: d, "no such file"),
        (lambda d: wav(d, samples=np.zeros(0)), "found 0 samples"),
        (
            lambda d: wav(d, samples=np.zeros((9, 2))),
            r"2 channels, expected 1 \(mono\)",
        ),
        (
            lambda d: wav(d, samples=np.array([0.1, np.nan]), subtype="FLOAT"),
            r"1 NaN or infinite samples \(first at 1\)",
        ),
        (lambda d: wav(d, samples=SINE * 2e6, subtype="FLOAT"), "reaches 1e.06, exp"),
        (lambda d: wav(d, samples=np.zeros(99)), "all of its samples are 0, expected"),
        (
            lambda d: wav(d).write_bytes(wav(d).read_bytes()[:8000]) and d / "a.wav",
            r"cannot be read \(it is cut off: 8000 of 16044 bytes",
        ),
        (
            lambda d: (d / "x.wav").write_bytes(b"RIFFjunk") and d / "x.wav",
            "cannot be read",
        ),
    ],
)
def test_bad_audio_names_the_utterance(tmp_path, make, message):
    table = scp(tmp_path, f"the_utt {make(tmp_path)}")
    with pytest.raises(UserError, match=f"(?s)utterance the_utt.*{message}"):
        format_wav(table, None, tmp_path / "out", "wav", 8000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u1 rec 0.1", "has 'rec 0.1', expected 'recording start end'"),
        ("u1 other 0 1", "cut from other, which is not in wav.scp"),
        ("u1 rec 0.5 0.5", "found 0 samples"),
        ("u1 rec 0.2 98", "is not inside its recording, which has 1.00 s"),
        ("u1 rec -1 0.5", "is not inside its recording"),
        ("u1 rec 0.5 0.2", "is not inside its recording"),
    ],
)
def test_bad_segments_name_the_utterance(tmp_path, line, message):
    table = scp(tmp_path, f"rec {wav(tmp_path)}")
    (tmp_path / "segments").write_text(f"{line}\n")
    with pytest.raises(UserError, match=f"utterance u1.*{message}"):
        format_wav(table, tmp_path / "segments", tmp_path / "out", "wav", 8000)


def test_the_job_prints_the_error_and_fails(tmp_path, capsys):
    table = scp(tmp_path, "u missing.wav")
    assert (
        main([str(table), "none", str(tmp_path / "out"), "wav", "8000", "false"]) == 1
    )
    assert capsys.readouterr().out.startswith("error: utterance u (missing.wav)")
