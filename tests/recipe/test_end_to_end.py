"""The whole recipe on a few seconds of speech: stages 1 to 8 and 10, with failures."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import soundfile
import yaml

from espnet_prodiff.fileio.tables import read_table
from tests.recipe.small_recipe import make_recipe, run_recipe


def test_every_stage_and_resumption_after_failures(tmp_path):
    d = make_recipe(tmp_path / "tts1")
    out = run_recipe(d, "--stop_stage", "1")
    assert out.endswith("\n0"), out

    # Stage 2 fails on a broken file, names it, and goes on once it is mended.
    utterance, name = next(iter(read_table(d / "data/tr_no_dev/wav.scp").items()))
    wav = d / name
    good = wav.read_bytes()
    samples, fs = soundfile.read(wav)
    samples[7] = np.nan
    soundfile.write(wav, samples, fs, subtype="FLOAT")
    out = run_recipe(d, "--stage", "2", "--stop_stage", "5")
    assert out.endswith("\n1")
    assert "error: stage 2 (format the audio) failed" in out
    assert f"utterance {utterance}" in out
    assert "1 NaN or infinite samples (first at 7), expected finite" in out
    assert "log: dump/raw/org/tr_no_dev/logs/format_wav_scp.1.log" in out
    assert "go on with: ./run.sh --stage 2" in out
    assert "Traceback" not in out
    wav.write_bytes(good)
    out = run_recipe(d, "--stage", "2", "--stop_stage", "6")
    assert out.endswith("\n0"), out
    stats = d / "exp/tts_stats_raw_char"
    train = read_table(d / "dump/raw/tr_no_dev/text")
    assert set(read_table(stats / "train/speech_shape")) == set(train)
    n_tokens = len((d / "dump/token_list/char/tokens.txt").read_text().splitlines())
    shapes = read_table(stats / "train/text_shape.char")
    assert shapes[utterance] == f"{len(train[utterance])},{n_tokens}"

    # Stage 7 fails on durations of another corpus; stage 6's work stays.
    durations = d / "dump/durations/tr_no_dev/durations"
    good = durations.read_bytes()
    durations.write_bytes(good.replace(b" 1", b" 2"))
    out = run_recipe(d, "--stage", "7")
    assert out.endswith("\n1")
    assert "error: stage 7 (training) failed" in out
    assert "go on with: ./run.sh --stage 7" in out
    durations.write_bytes(good)

    # The statistics' own run.sh goes on from there.
    exp = d / "exp/tts_train_prodiff_raw_char"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = dict(os.environ, PATH=path, ESPNET_ROOT="")
    script = ["bash", str(exp.relative_to(d) / "run.sh"), "--stop_stage", "10"]
    result = subprocess.run(script, cwd=d, env=environment, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    assert yaml.safe_load((exp / "config.yaml").read_text())["tts"] == "prodiff"
    decoded = exp / "decode_valid.loss.best/eval1"
    text = read_table(d / "dump/raw/eval1/text")
    assert set(read_table(decoded / "wav/wav.scp")) == set(text)
    for name in read_table(decoded / "wav/wav.scp").values():
        wave, fs = soundfile.read(d / name)
        assert fs == 22050
        assert np.isfinite(wave).all()
    frames = read_table(decoded / "durations")
    for utterance, words in text.items():
        assert len(frames[utterance].split()) == len(words) + 1
    packed = exp / "tts_train_prodiff_raw_char_valid.loss.best.zip"
    names = zipfile.ZipFile(packed).namelist()
    assert set(names) == {
        "README.md", "config.yaml", "meta.yaml", "model.pth", "normalize_stats.npz",
        "pitch_normalize_stats.npz", "energy_normalize_stats.npz", "sample_1.flac",
    }  # fmt: skip
    assert f"packed model: {packed.relative_to(d)}" in result.stderr.decode()
