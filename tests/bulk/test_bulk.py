"""Many texts: by one process, by two workers of which one is killed, and again."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow
import pytest
import soundfile
from pyarrow import parquet

from espnet_prodiff.bin import bulk as command
from espnet_prodiff.bulk.run import run
from espnet_prodiff.bulk.speaking import Job
from espnet_prodiff.bulk.texts import cut, read
from espnet_prodiff.errors import DataError, UserError

ROWS = [
    {"id": f"u{i}", "text": f"Number {i}." + " And more." * (i % 3)} for i in range(24)
]
ROWS[5] |= {"speed": 2.0, "num_steps": 2}
ROWS[7] |= {"text": "\u6c34"}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture(scope="module")
def alone(source, exported_slt, tmp_path_factory):
    """What one process without Ray makes of the texts."""
    output = tmp_path_factory.mktemp("alone")
    done = run(Job(source, exported_slt, output), shard_size=2)
    assert (done.texts, done.failures) == (24, 1) and 10 < done.seconds < 60
    return output


def contents(folder):
    """All files but the temporary ones of a process that was killed."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.suffix != ".tmp"
    }


def test_the_manifest_names_every_text_and_its_wave(alone):
    records = [
        json.loads(line) for line in (alone / "manifest.jsonl").read_text().splitlines()
    ]
    assert [record["id"] for record in records] == [row["id"] for row in ROWS]
    assert "English (Latin letters)" in records[7]["error"] and "file" not in records[7]
    waves = {}
    for path in sorted((alone / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                if info.name.endswith(".wav"):
                    data = tar.extractfile(info).read()
                    name = f"shards/{path.name}"
                    waves[info.name[:-4]] = name, *soundfile.read(io.BytesIO(data))
    assert waves.keys() == {row["id"] for row in ROWS} - {"u7"}
    for record in records:
        if "error" not in record:
            file, wav, fs = waves[record["id"]]
            assert file == record["file"] and fs == 16000
            assert abs(len(wav) / fs - record["seconds"]) < 1e-3
    assert records[5]["seconds"] < 0.7 * records[8]["seconds"]  # twice as fast


def test_two_workers_one_of_them_killed(alone, source, exported_slt, tmp_path):
    arguments = ["--voice", exported_slt, "--input", source, "--output", tmp_path]
    options = ["--shard_size", "2", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "espnet_prodiff", "bulk", *arguments, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_DEDUP_LOGS": "0"},
    )
    try:
        victim = None
        while victim is None and process.poll() is None:
            time.sleep(0.02)
            if any(tmp_path.glob("shards/*.done")):
                victim = next(filter(_speaks, _children(process.pid)), None)
        assert victim is not None, process.stderr.read()
        os.kill(victim.pid, signal.SIGKILL)
        assert len(list(tmp_path.glob("shards/*.done"))) < 12  # in the middle
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 1 and "1 texts could not be spoken" in errors
    assert "24 texts" in output
    assert contents(tmp_path) == contents(alone)


def _children(pid):
    return psutil.Process(pid).children(recursive=True)


def _speaks(process):
    try:
        return "MapWorker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def test_what_is_there_is_left_and_what_changed_is_made_again(
    alone, source, exported_slt, tmp_path
):
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:4]))
    job = Job(few, exported_slt, tmp_path / "out")
    run(job, shard_size=2)
    files = sorted((tmp_path / "out/shards").glob("*.tar"))
    assert [f.read_bytes() for f in files] == [
        (alone / "shards" / f.name).read_bytes() for f in files
    ]
    before = [f.stat().st_mtime_ns for f in files]
    files[1].with_suffix(".done").unlink()  # as a kill leaves it
    run(job, shard_size=2)
    after = [f.stat().st_mtime_ns for f in files]
    assert after[0] == before[0] and after[1] > before[1]
    few.write_text(few.read_text().replace("Number 0", "Zero"))
    run(job, shard_size=2)
    again = [f.stat().st_mtime_ns for f in files]
    assert again[0] > after[0] and again[1] == after[1]


def test_a_voice_trained_anew_speaks_everything_again(exported_slt, tmp_path):
    """Its files are as long as before."""
    voice = tmp_path / "voice"
    shutil.copytree(exported_slt, voice)
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps(ROWS[0]))
    (shard,) = cut(texts, 1)
    Job(texts, voice, tmp_path).file(shard, ".done").parent.mkdir()
    done = Job(texts, voice, tmp_path).file(shard, ".done")
    done.write_text(Job(texts, voice, tmp_path).fingerprint(shard))
    assert Job(texts, voice, tmp_path).is_done(shard)
    weights = voice / "denoiser.onnx"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert not Job(texts, voice, tmp_path).is_done(shard)


@pytest.mark.parametrize("kind", ["wav", "parquet"])
def test_other_formats_have_the_same_waves(alone, exported_slt, tmp_path, kind, capsys):
    table = pyarrow.Table.from_pylist([{"speed": None, **row} for row in ROWS[:7]])
    parquet.write_table(table, tmp_path / "texts.parquet", row_group_size=3)
    files = ["--voice", exported_slt, "--input", tmp_path / "texts.parquet"]
    files += ["--output", tmp_path / "out", "--format", kind, "--shard_size", 4]
    command.main(list(map(str, files)))
    assert "7 texts" in capsys.readouterr().out
    with tarfile.open(alone / "shards/000002.tar") as tar:
        expected = tar.extractfile("u4.wav").read()
    if kind == "wav":
        assert (tmp_path / "out/shards/000001/u4.wav").read_bytes() == expected
    else:
        rows = parquet.read_table(tmp_path / "out/shards/000001.parquet").to_pylist()
        assert rows[0]["id"] == "u4" and rows[0]["wav"] == expected
        assert len(rows) == 3 and np.isclose(
            rows[0]["seconds"] * 32000 + 44, len(expected), atol=4
        )


def test_shards_are_read_from_anywhere(tmp_path):
    rows = [{"id": f"r{i}", "text": "\u00e9" * i + "x"} for i in range(10)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n\n".join(lines) + "\n")
    table = pyarrow.Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    for name in ("a.jsonl", "a.parquet"):
        shards = cut(tmp_path / name, 3)
        assert [shard.rows for shard in shards] == [3, 3, 3, 1]
        found = [read(tmp_path / name, shard) for shard in reversed(shards)]
        assert [row for part in reversed(found) for row in part] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no texts"),
        ('{"id": "a"}\n', "row 1 has no text, expected an object"),
        ('{"text": "a"}\nx\n', "row 2 is no JSON"),
        ('{"id": "a", "text": "a"}\n' * 2, "row 2: the id 'a' comes twice"),
        ('{"id": "../a", "text": "a"}\n', "'../a'"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path, content, message):
    path = Path(tmp_path / "texts.jsonl")
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        cut(path, 2)


def test_what_is_no_job(tmp_path, source, exported_slt):
    with pytest.raises(FileNotFoundError, match="expected texts"):
        cut(tmp_path / "none.jsonl", 2)
    (tmp_path / "texts.csv").touch()
    with pytest.raises(DataError, match="expected .jsonl or .parquet"):
        cut(tmp_path / "texts.csv", 2)
    with pytest.raises(UserError, match="format must be one of tar, wav, parquet"):
        Job(source, exported_slt, tmp_path, "mp3")
