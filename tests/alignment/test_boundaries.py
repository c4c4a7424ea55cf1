"""Learned durations against exactly known boundaries of synthetic speech."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from espnet_prodiff.alignment.features import MelConfig
from espnet_prodiff.alignment.stage import AlignmentOptions, align_corpora

pytest.importorskip("espeakng_loader")
LOCAL = Path(__file__).parents[2] / "egs2_recipe" / "mini" / "tts1" / "local"
HOP = 256


def boundary_errors(folder: Path, name: str) -> np.ndarray:
    """Signed errors in frames of the end of every phone."""
    ends = {}
    for line in (folder / "data" / name / "phone_ends").read_text().splitlines():
        utt, *rest = line.split()
        pairs = zip(rest[::2], rest[1::2], strict=True)
        ends[utt] = [int(end) for phone, end in pairs if phone != "sil"]
    errors = []
    for line in (folder / "out" / name / "durations").read_text().splitlines():
        utt, *durations = line.split()
        learned = np.cumsum([int(d) for d in durations])[:-1]
        errors.append(learned - np.array(ends[utt]) / HOP)
    return np.concatenate(errors)


def test_boundaries_on_phones(tmp_path):
    (tmp_path / "local").symlink_to(LOCAL)
    subprocess.run(
        ["local/data.sh", "--num_utts", "176"],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": sys.executable},
        check=True,
        capture_output=True,
    )
    tokens = set()
    for folder in (tmp_path / "data").iterdir():
        if not folder.is_dir():
            continue
        for file in ("wav.scp", "text"):
            source = "phone_ends" if file == "text" else file
            lines = (folder / source).read_text().splitlines()
            rows = [line.split() for line in lines]
            if file == "text":
                rows = [[u, *(p for p in r[::2] if p != "sil")] for u, *r in rows]
                tokens |= {p for _, *phones in rows for p in phones}
            else:
                rows = [[utt, str(tmp_path / wav)] for utt, wav in rows]
            (folder / file).write_text("".join(" ".join(row) + "\n" for row in rows))
    (tmp_path / "tokens.txt").write_text(
        "\n".join(["<blank>", "<unk>", *sorted(tokens), "<sos/eos>"]) + "\n"
    )
    align_corpora(
        AlignmentOptions(
            train_dir=tmp_path / "data" / "tr_no_dev",
            data_dirs=(tmp_path / "data" / "dev", tmp_path / "data" / "eval1"),
            output_dir=tmp_path / "out",
            token_list=tmp_path / "tokens.txt",
            mel=MelConfig(fs=22050, n_shift=HOP),
            num_updates=240,
        )
    )
    held_out = [boundary_errors(tmp_path, name) for name in ("dev", "eval1")]
    for errors in (boundary_errors(tmp_path, "tr_no_dev"), np.concatenate(held_out)):
        errors = np.abs(errors)
        print(np.median(errors), errors.mean(), np.mean(errors <= 4))
        assert np.median(errors) <= 1.0
        assert errors.mean() <= 1.5
        assert np.mean(errors <= 4) >= 0.95
