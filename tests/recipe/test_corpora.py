"""local/data.sh of the recipes that download their corpus, on tiny ones put there."""

import hashlib
import http.server
import os
import re
import shutil
import subprocess
import tarfile
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest

from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe import data_dir

RECIPES = Path(__file__).parents[2] / "egs2_recipe"


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    def make(name):
        shutil.copytree(RECIPES / name / "tts1" / "local", tmp_path / "local")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make


def run(*words):
    environment = dict(os.environ, http_proxy="", https_proxy="")
    return subprocess.run(
        ["bash", "local/data.sh", *words],
        capture_output=True,
        text=True,
        env=environment,
    )


def lj_corpus(root, n=5):
    (root / "wavs").mkdir(parents=True)
    lines = []
    for i in range(n):
        (root / "wavs" / f"LJ001-000{i}.wav").write_bytes(b"")
        lines.append(f"LJ001-000{i}|Mr. {i}|Mister {i}\n")
    (root / "metadata.csv").write_text("".join(lines))


def vctk_corpus(root):
    for speaker, n in (("p225", 4), ("p226", 3), ("p315", 1)):
        for folder in ("wav48_silence_trimmed", "txt"):
            (root / folder / speaker).mkdir(parents=True)
        for i in range(n):
            stem = f"{speaker}_00{i}"
            for mic in (1, 2):
                name = (
                    root / "wav48_silence_trimmed" / speaker / f"{stem}_mic{mic}.flac"
                )
                name.write_bytes(b"")
            if speaker != "p315":
                text = f"  Sentence {i}.\r\n"
                (root / "txt" / speaker / f"{stem}.txt").write_text(text)


def test_ljspeech_sets(recipe):
    lj_corpus(recipe("ljspeech") / "downloads" / "LJSpeech-1.1")
    result = run("--num_dev", "1", "--num_eval", "2")
    assert result.returncode == 0, result.stderr
    assert list(read_table(Path("data/tr_no_dev/text"))) == ["LJ001-0000", "LJ001-0001"]
    assert read_table(Path("data/dev/text")) == {"LJ001-0002": "Mister 2"}
    assert read_table(Path("data/eval1/wav.scp")) == {
        f"LJ001-000{i}": f"downloads/LJSpeech-1.1/wavs/LJ001-000{i}.wav" for i in (3, 4)
    }
    assert read_table(Path("data/eval1/spk2utt")) == {"LJ": "LJ001-0003 LJ001-0004"}
    for name in ("tr_no_dev", "dev", "eval1"):
        data_dir.check_data_dir(Path("data") / name)


def test_ljspeech_names_missing_files(recipe):
    root = recipe("ljspeech") / "downloads" / "LJSpeech-1.1"
    lj_corpus(root)
    (root / "wavs" / "LJ001-0003.wav").unlink()
    result = run()
    assert result.returncode == 1
    assert "names LJ001-0003, but downloads/LJSpeech-1.1/wavs/LJ" in result.stderr
    assert not Path("data/tr_no_dev").exists()
    (root / "wavs" / "LJ001-0003.wav").touch()
    assert "has 5 sentences, expected more than 500" in run().stderr
    assert "unknown option --nj" in run("--nj", "3").stderr


def test_vctk_sets(recipe):
    vctk_corpus(recipe("vctk") / "downloads" / "VCTK-Corpus-0.92")
    result = run("--num_dev", "1", "--num_eval", "1")
    assert result.returncode == 0, result.stderr
    assert read_table(Path("data/tr_no_dev/spk2utt")) == {
        "p225": "p225_000 p225_001",
        "p226": "p226_000",
    }
    assert read_table(Path("data/dev/text")) == {
        "p225_002": "Sentence 2.",
        "p226_001": "Sentence 1.",
    }
    assert list(read_table(Path("data/eval1/wav.scp"))) == ["p225_003", "p226_002"]
    assert read_table(Path("data/eval1/wav.scp"))["p226_002"].endswith("002_mic1.flac")
    for name in ("tr_no_dev", "dev", "eval1"):
        data_dir.check_data_dir(Path("data") / name)


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{s.server_address[1]}"
        s.shutdown()


def point_at(address, archive):
    """Let data.sh fetch ``archive`` from ``address``, with its checksum."""
    script = Path("local/data.sh")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    text = re.sub(r"https://\S+/", f"{address}/", script.read_text(), count=1)
    script.write_text(re.sub(r"\b[0-9a-f]{64}\b", digest, text, count=1))


def test_ljspeech_is_fetched_checked_and_unpacked(recipe, server):
    folder, address = server
    lj_corpus(folder / "LJSpeech-1.1")
    archive = folder / "LJSpeech-1.1.tar.bz2"
    with tarfile.open(archive, "w:bz2") as f:
        f.add(folder / "LJSpeech-1.1", "LJSpeech-1.1")
    recipe("ljspeech")
    point_at(address, archive)
    result = run("--num_dev", "1", "--num_eval", "1")
    assert result.returncode == 0, result.stderr
    assert len(read_table(Path("data/tr_no_dev/text"))) == 3
    again = run("--num_dev", "1", "--num_eval", "1")
    assert again.returncode == 0, again.stderr


def test_vctk_is_fetched_checked_and_unpacked(recipe, server):
    folder, address = server
    vctk_corpus(folder / "c")
    archive = folder / "VCTK-Corpus-0.92.zip"
    with zipfile.ZipFile(archive, "w") as f:
        for path in (folder / "c").rglob("*"):
            f.write(path, path.relative_to(folder / "c"))
    recipe("vctk")
    point_at(address, archive)
    result = run("--num_dev", "1", "--num_eval", "1")
    assert result.returncode == 0, result.stderr
    assert len(read_table(Path("data/tr_no_dev/text"))) == 3


def test_a_download_with_another_checksum_is_refused(recipe, server):
    folder, address = server
    archive = folder / "LJSpeech-1.1.tar.bz2"
    archive.write_bytes(b"right")
    recipe("ljspeech")
    point_at(address, archive)
    archive.write_bytes(b"wrong")
    result = run()
    assert result.returncode == 1
    assert "downloads/LJSpeech-1.1.tar.bz2 has not the sha256" in result.stderr
    assert not Path("downloads/LJSpeech-1.1.tar.bz2").exists()


def test_a_failed_download_names_the_manual_way(recipe):
    recipe("ljspeech")
    archive = Path("LJSpeech-1.1.tar.bz2")
    archive.write_bytes(b"x")
    point_at("http://127.0.0.1:9", archive)
    result = run()
    assert result.returncode == 1
    assert "cannot fetch http://127.0.0.1:9/LJSpeech-1.1.tar.bz2" in result.stderr
    assert "by hand" in result.stderr


@pytest.mark.parametrize("name", ["mini", "ljspeech", "vctk"])
def test_shell_scripts_parse(name):
    scripts = sorted((RECIPES / name / "tts1").glob("**/*.sh"))
    assert len(scripts) >= 4
    for script in scripts:
        subprocess.run(["bash", "-n", str(script)], check=True)
