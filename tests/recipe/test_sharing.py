"""A packed voice is uploaded, to a server of this machine in the place of the hub."""

import base64
import json
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from espnet_prodiff.bin.share import main
from espnet_prodiff.recipe.sharing import complete_card

CARD = """---
language: en
tags:
- espnet
---

# mine

- Licence: not stated: ask

    espnet-prodiff say 'Hello.' -o hello.wav --model THIS_FILE.zip
"""
META = {"files": {"model_file": "model.pth"}, "yaml_files": {"train_config": "c.yaml"}}


@pytest.fixture
def hub():
    """A server that takes commits; it holds the requests and the files."""
    seen = {"requests": [], "files": {}}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.answer({"id": "me/mine", "siblings": [], "sha": "0" * 40})

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen["requests"].append((self.path, self.headers.get("Authorization")))
            if self.headers.get("Authorization") != "Bearer token-of-a-test":
                self.answer({"error": "Invalid credentials"}, 401)
            elif self.path == "/api/repos/create":
                seen["created"] = json.loads(body)
                self.answer({"url": f"http://{self.headers['Host']}/me/mine"})
            elif "/preupload/" in self.path:
                files = json.loads(body)["files"]
                modes = {"uploadMode": "regular", "shouldIgnore": False}
                self.answer({"files": [{"path": f["path"], **modes} for f in files]})
            elif "/commit/" in self.path:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        content = base64.b64decode(line["value"]["content"])
                        seen["files"][line["value"]["path"]] = content
                url = f"http://{self.headers['Host']}/me/mine/commit/1"
                self.answer({"commitUrl": url, "commitOid": "1" * 40, "success": True})
            else:
                self.answer({"errors": [], "warnings": []})  # of the card

        def answer(self, content, status=200):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen["address"] = f"http://127.0.0.1:{server.server_port}"
    yield seen
    server.shutdown()
    server.server_close()


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README.md", CARD)
        archive.writestr("meta.yaml", yaml.safe_dump(META))
        archive.writestr("c.yaml", "tts: prodiff\n")
        archive.writestr("model.pth", b"weights")
    return path


def share(hub, *words, token="token-of-a-test"):
    environment = dict(os.environ, HF_ENDPOINT=hub["address"], HF_TOKEN=token)
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.run(
        [sys.executable, "-m", "espnet_prodiff", "share", *words],
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_repository_gets_the_files_and_its_card(hub, packed):
    done = share(hub, str(packed), "me/mine", "--license", "cc-by-4.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("--model me/mine")
    assert "/me/mine/commit/1" in done.stdout
    assert hub["created"]["name"] == "mine" and hub["created"]["organization"] == "me"
    assert set(hub["files"]) == {"README.md", "meta.yaml", "c.yaml", "model.pth"}
    assert hub["files"]["model.pth"] == b"weights"
    card = hub["files"]["README.md"].decode()
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc-by-4.0"
    assert "- Licence: cc-by-4.0\n" in card and "--model me/mine\n" in card


def test_what_the_hub_refuses_is_one_message(hub, packed):
    done = share(hub, str(packed), "me/mine", token="of somebody else")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "me/mine cannot be uploaded" in done.stderr and "hf auth" in done.stderr
    assert not hub["files"]


def test_mistakes_are_found_before_the_hub_is_asked(packed, tmp_path):
    bare = tmp_path / "bare.zip"
    with zipfile.ZipFile(bare, "w") as archive:
        archive.writestr("meta.yaml", yaml.safe_dump(META))
        archive.writestr("c.yaml", "")
        archive.writestr("model.pth", b"")
    for words, message in (
        ([str(packed), "mine"], "the repository is 'mine', expected user/name"),
        ([str(tmp_path / "no.zip"), "me/mine"], "no.zip does not exist"),
        ([str(bare), "me/mine"], "bare.zip has no card (README.md)"),
    ):
        with pytest.raises(SystemExit) as error:
            main(words)
        assert str(error.value).startswith("share: error: ")
        assert message in str(error.value)


def test_a_licence_of_the_card_stays(caplog):
    card = complete_card(CARD.replace("tags", "license: mit\ntags"), "me/x", "")
    assert yaml.safe_load(card.split("---")[1])["license"] == "mit"
    assert not caplog.text
    assert "license" not in yaml.safe_load(
        complete_card(CARD, "me/x", "").split("---")[1]
    )
    assert "me/x has no licence" in caplog.text
