"""The alignment stage: files, bad input, determinism, resumption."""

import numpy as np
import pytest
import soundfile
import torch

from espnet_prodiff.alignment.features import MelConfig
from espnet_prodiff.alignment.stage import AlignmentOptions, align_corpora
from espnet_prodiff.bin import align
from espnet_prodiff.errors import DataError
from tests.alignment.data import FS, tone_corpus

MEL = MelConfig(fs=FS, n_fft=1024, n_shift=256, fmin=80, fmax=7600, n_mels=40)


def make_options(folder, **changes):
    defaults = dict(
        train_dir=folder / "tr",
        data_dirs=(folder / "dev",),
        output_dir=folder / "out",
        token_list=folder / "tokens.txt",
        mel=MEL,
        num_updates=20,
    )
    return AlignmentOptions(**{**defaults, **changes})


@pytest.fixture
def folder(tmp_path):
    tone_corpus(tmp_path / "tr", num_utts=24)
    tone_corpus(tmp_path / "dev", num_utts=4, seed=1)
    return tmp_path


def table(path):
    return dict(line.split(" ", 1) for line in path.read_text().splitlines())


def durations(path):
    return {u: [int(d) for d in line.split()] for u, line in table(path).items()}


def test_durations_and_their_reuse(folder, capsys):
    align_corpora(make_options(folder, num_updates=150))
    for name in ("tr", "dev"):
        truth = durations(folder / name / "truth")
        learned = durations(folder / "out" / name / "durations")
        texts = table(folder / name / "text")
        assert list(learned) == list(texts)
        for utt, values in learned.items():
            samples = soundfile.info(folder / name / f"{utt}.wav").frames
            assert len(values) == len(texts[utt].split()) + 1
            assert sum(values) == samples // 256 + 1 and min(values) >= 1
            assert abs(values[-1] - truth[utt][-1]) <= 2  # the silence at the end
        if name == "tr":  # the other set is too small to measure
            errors = [np.cumsum(learned[u]) - np.cumsum(truth[u]) for u in learned]
            assert np.median(np.abs(np.concatenate(errors))) <= 1
            first = [abs(error[0]) for error in errors]  # with the silence before
            assert np.median(first) <= 2
    images = sorted(p.name for p in (folder / "out" / "images").iterdir())
    assert "loss.png" in images and "tr_s-00.png" in images
    stamp = (folder / "out" / "aligner.pth").stat().st_mtime_ns
    first = (folder / "out" / "dev" / "durations").read_bytes()
    capsys.readouterr()
    align_corpora(make_options(folder, num_updates=150))
    assert "nothing to do" in capsys.readouterr().out
    (folder / "out" / "dev" / "durations").unlink()
    align_corpora(
        make_options(folder, num_updates=150)
    )  # the model is kept, the set is made again
    assert (folder / "out" / "aligner.pth").stat().st_mtime_ns == stamp
    assert (folder / "out" / "dev" / "durations").read_bytes() == first
    align_corpora(make_options(folder, num_updates=150, output_dir=folder / "again"))
    assert (folder / "again" / "dev" / "durations").read_bytes() == first
    align_corpora(make_options(folder, seed=1))  # other options: another model
    assert (folder / "out" / "aligner.pth").stat().st_mtime_ns != stamp


def test_unalignable_utterances_are_listed_and_removed(folder, caplog):
    wav, _ = soundfile.read(folder / "tr" / "s-01.wav")
    soundfile.write(folder / "tr" / "s-01.wav", wav * np.nan, FS, subtype="FLOAT")
    soundfile.write(folder / "tr" / "s-02.wav", wav[:1400], FS, subtype="FLOAT")
    soundfile.write(folder / "dev" / "s-00.wav", wav[:0], FS, subtype="FLOAT")
    text = (folder / "tr" / "text").read_text().splitlines(keepends=True)
    text[2] = "s-02 a b c a b c a b c\n"
    text[3] = "s-03\n"
    (folder / "tr" / "text").write_text("".join(text))
    align_corpora(make_options(folder))
    listed = table(folder / "out" / "tr" / "unaligned")
    assert listed == {
        "s-01": "the audio holds NaN or infinite samples",
        "s-02": "6 frames for 9 tokens and eos",
        "s-03": "its text has no tokens",
    }
    assert list(table(folder / "out" / "dev" / "unaligned")) == ["s-00"]
    for utt in listed:
        assert f"utterance {utt} cannot be aligned" in caplog.text
        assert utt not in durations(folder / "out" / "tr" / "durations")
        for file in ("wav.scp", "text", "utt2spk", "spk2utt"):
            assert utt not in (folder / "tr" / file).read_text()
            assert utt in (folder / "tr" / ".backup" / file).read_text()
        assert (folder / "tr" / f"{utt}.wav").is_file()
    assert len(durations(folder / "out" / "tr" / "durations")) == 21
    caplog.clear()
    align_corpora(make_options(folder))
    assert caplog.text == ""


def bad_rate(folder):
    soundfile.write(folder / "dev" / "s-02.wav", np.zeros(9000), 8000)


def bad_stereo(folder):
    soundfile.write(folder / "dev" / "s-02.wav", np.zeros((9000, 2)), FS)


def bad_audio(folder):
    (folder / "dev" / "s-02.wav").write_bytes(b"no sound")


def bad_missing_audio(folder):
    (folder / "dev" / "s-02.wav").unlink()


def bad_missing_text(folder):
    lines = (folder / "dev" / "text").read_text().splitlines(keepends=True)
    (folder / "dev" / "text").write_text("".join(lines[:2] + lines[3:]))


def bad_symbol(folder):
    lines = (folder / "dev" / "text").read_text().splitlines(keepends=True)
    lines[2] = "s-02 a b x c\n"
    (folder / "dev" / "text").write_text("".join(lines))


def bad_token_list(folder):
    (folder / "tokens.txt").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (bad_rate, ("s-02.wav", "8000 Hz", "expected 16000 Hz")),
        (bad_stereo, ("s-02.wav", "2 channels", "expected 1")),
        (bad_audio, ("s-02", "cannot be read")),
        (bad_missing_audio, ("s-02.wav", "does not exist")),
        (bad_missing_text, ("dev/text lacks 1", "s-02")),
        (bad_symbol, ("s-02", "'x' at position 3 of 4", "tokens.txt")),
        (bad_token_list, ("tokens.txt does not exist", "stage 5")),
    ],
)
def test_bad_input_is_one_clear_error_before_training(folder, spoil, words):
    spoil(folder)
    with pytest.raises(DataError) as error:
        align_corpora(make_options(folder))
    for word in words:
        assert word in str(error.value)
    assert not (folder / "out").exists()


def test_a_foreign_model_file_runs_no_code(folder):
    (folder / "out").mkdir()

    class Payload:
        def __reduce__(self):
            return (open, (str(folder / "owned"), "w"))

    torch.save({"trained": Payload()}, folder / "out" / "aligner.pth")
    with pytest.raises(DataError, match="delete it"):
        align_corpora(make_options(folder))
    assert not (folder / "owned").exists()


def test_command_line(folder):
    base = ["--train_dir", str(folder / "tr"), "--output_dir", str(folder / "out")]
    base += ["--token_list", str(folder / "tokens.txt"), "--cleaner", "none"]
    base += ["--g2p", "none", "--win_length", "null", "--num_updates", "2"]
    align.main([*base, "--fs", "16000"])
    assert len(durations(folder / "out" / "tr" / "durations")) == 24
    with pytest.raises(SystemExit, match="expected 22050 Hz"):
        align.main(base)
    with pytest.raises(SystemExit, match="batch_size must be .* at least 1.* is 0"):
        align.main([*base, "--batch_size", "0"])
    with pytest.raises(SystemExit, match="n_fft must be .* at least 1.* is 0"):
        align.main([*base, "--n_fft", "0"])
