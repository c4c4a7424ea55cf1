"""A stranger's process gets sound from a packed model: a zip, a URL, a hub id."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from espnet2.bin import pack

from espnet_prodiff.errors import ArchiveError
from espnet_prodiff.inference import zoo
from espnet_prodiff.inference.text2speech import Text2Speech
from tests.integration.tiny_models import write_model

COMMIT = "1234567890abcdef1234567890abcdef12345678"
STRANGER = """
import sys
import soundfile
from espnet_prodiff.bin.tts_inference import Text2Speech
for tag, out in zip(sys.argv[1::2], sys.argv[2::2]):
    text2speech = Text2Speech.from_pretrained(tag)
    assert type(text2speech) is Text2Speech
    wav = text2speech("hello there.", num_steps=2, seed=1)["wav"]
    soundfile.write(out, wav.numpy(), text2speech.fs, "FLOAT")
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of a hub's API that a download of a repository uses."""

    def __init__(self, *args, folder, **kwargs):
        self.folder = folder
        super().__init__(*args, **kwargs)

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        path = self.path.split("?")[0]
        files = sorted(
            str(p.relative_to(self.folder))
            for p in self.folder.rglob("*")
            if p.is_file()
        )
        if re.fullmatch(r"/api/models/ann/voice(/revision/(main|v1))?", path):
            info = {"id": "ann/voice", "modelId": "ann/voice", "sha": COMMIT}
            info |= {"siblings": [{"rfilename": name} for name in files]}
            self.reply(200, json.dumps(info).encode(), body)
        elif path.startswith(f"/api/models/ann/voice/tree/{COMMIT}"):
            tree = [
                {
                    "type": "file",
                    "path": name,
                    "oid": f"{i:040d}",
                    "size": (self.folder / name).stat().st_size,
                }
                for i, name in enumerate(files)
            ]
            self.reply(200, json.dumps(tree).encode(), body)
        elif path.startswith(f"/ann/voice/resolve/{COMMIT}/"):
            name = path.split(COMMIT + "/")[1]
            tag = f'"{files.index(name):040d}"'
            self.reply(200, (self.folder / name).read_bytes(), body, ETag=tag)
        else:
            self.reply(404, b"{}", body, **{"X-Error-Code": "RepoNotFound"})

    def reply(self, status, content, body, **headers):
        self.send_response(status)
        headers = {"Content-Length": len(content), "X-Repo-Commit": COMMIT, **headers}
        for key, value in headers.items():
            self.send_header(key, str(value))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A packed model, and the same files as a hub repository."""
    root = tmp_path_factory.mktemp("packed")
    before = Path.cwd()
    os.chdir(root)
    try:
        config, model = write_model(Path("exp/tts_x"))
        options = ["--option", "exp/tts_x/feats_stats.npz", "--outpath", "model.zip"]
        pack.main(
            ["tts", "--train_config", str(config), "--model_file", str(model), *options]
        )
        text2speech = Text2Speech(config, model)
        wav = text2speech("hello there.", num_steps=2, seed=1)["wav"].numpy()
    finally:
        os.chdir(before)
    with zipfile.ZipFile(root / "model.zip") as archive:
        archive.extractall(root / "repo")
    return root, wav


@pytest.fixture(scope="module")
def servers(packed):
    root, _ = packed
    handlers = [partial(Quiet, directory=root), partial(Hub, folder=root / "repo")]
    running = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), h) for h in handlers]
    for server in running:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"http://127.0.0.1:{server.server_port}" for server in running]
    for server in running:
        server.shutdown()


def stranger(folder, hub, *arguments):
    """Run a process that knows nothing but the installed package."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PYTHON"))}
    env |= {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    env |= {"HF_ENDPOINT": hub, "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run(
        [sys.executable, "-c", STRANGER, *map(str, arguments)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )


def test_a_zip_a_url_and_a_hub_id_speak(packed, servers, tmp_path):
    root, expected = packed
    files, hub = servers
    tags = [root / "model.zip", f"{files}/model.zip", "ann/voice", "ann/voice@v1"]
    tags += tags[:3]  # from the cache
    outs = [tmp_path / f"{i}.wav" for i in range(len(tags))]
    original = (root / "repo/exp/tts_x/config.yaml").read_text()
    pairs = [x for pair in zip(tags, outs, strict=True) for x in pair]
    done = stranger(tmp_path, hub, *pairs)
    assert done.returncode == 0, done.stderr[-3000:]
    for out in outs:
        wav, fs = soundfile.read(out, dtype="float32")
        assert fs == 22050 and wav.std() > 0
        np.testing.assert_allclose(wav, expected, atol=1e-4)
    assert (root / "repo/exp/tts_x/config.yaml").read_text() == original
    snapshots = list((tmp_path / "cache/espnet_prodiff").glob("models--*/snapshots/*"))
    assert [s.name for s in snapshots] == [COMMIT]
    config = (snapshots[0] / "exp/tts_x/config.yaml").read_text()
    assert config == original, "the hub's own cache was rewritten"


def test_a_packed_model_is_a_model_file(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root, expected = packed
    text2speech = Text2Speech(model_file=root / "model.zip")
    wav = text2speech("hello there.", num_steps=2, seed=1)["wav"]
    assert torch.equal(wav, torch.from_numpy(expected))
    weights = write_model(tmp_path / "m")[1]
    for model in (weights, weights.parent):  # and whatever is one is found by its name
        assert Text2Speech.from_pretrained(str(model)).fs == 22050


class Answers(http.server.BaseHTTPRequestHandler):
    """A server whose answers a test sets, and which may say nothing at all."""

    content, tag, length, silent = b"", "1", None, False

    def do_GET(self):
        if self.silent:
            time.sleep(5)
            return
        self.send_response(200)
        self.send_header("ETag", f'"{self.tag}"')
        self.send_header("Content-Length", str(self.length or len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Answers,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/model.zip"
    yield handler
    server.shutdown()


def check_is_good(path):
    if not path.read_bytes().startswith(b"good"):
        raise ArchiveError("this is no archive")


def test_a_download_is_kept_when_it_is_whole_and_fetched_when_it_is_new(
    server, tmp_path, monkeypatch, caplog
):
    def fetch():
        path = zoo.fetch_file(server.url, tmp_path / "cache", check_is_good)
        assert path.name == "model.zip" and not list(tmp_path.rglob(".half/*"))
        return path.read_bytes()

    server.content, server.length = b"good", 10
    with pytest.raises((ArchiveError, OSError)):  # half of it
        fetch()
    server.content, server.length = b"<html>sign in</html>", None
    with pytest.raises(ArchiveError, match="no archive"):  # a captive portal
        fetch()
    server.content = b"good 1"
    assert fetch() == b"good 1"
    server.content = b"<html>sign in</html>"
    with pytest.raises(ArchiveError, match="no archive"):
        fetch()
    server.content, server.tag = b"good 2", "2"
    assert fetch() == b"good 2"
    assert [p.name for p in tmp_path.rglob("*.zip")] == ["model.zip"]
    server.silent = True
    monkeypatch.setattr(zoo, "TIMEOUT", (0.2, 0.2))
    assert fetch() == b"good 2" and "cannot be reached" in caplog.text
    with pytest.raises(OSError, match="timed out"):
        zoo.fetch_file(server.url, tmp_path / "other", check_is_good)


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("{files}/nothing.zip", "nothing.zip cannot be fetched: HTTPError"),
        ("http://127.0.0.1:9/model.zip", "cannot be fetched: ConnectionError"),
        ("ann/nobody", "ann/nobody cannot be fetched: "),
        ("exp/gone.zip", "packed model exp/gone.zip does not exist"),
    ],
)
def test_failed_downloads_are_named(tag, message, servers, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", servers[1])
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        Text2Speech.from_pretrained(tag.format(files=servers[0]), cachedir=tmp_path)
    assert message in str(error.value)
