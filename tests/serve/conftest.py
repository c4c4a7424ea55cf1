"""A server in this process, on a port of its own."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from espnet_prodiff.serve.app import create_app
from espnet_prodiff.serve.settings import Settings


@contextlib.contextmanager
def running(settings):
    app = create_app(settings)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([sock],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        app.state.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        try:
            yield app.state
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def voices(exported_slt, tmp_path_factory):
    """A folder of two voices that are the same."""
    folder = tmp_path_factory.mktemp("voices")
    for name in ("slt", "twin"):
        (folder / name).symlink_to(exported_slt)
    (folder / "no_voice").mkdir()
    return folder


@pytest.fixture(scope="session")
def server(voices):
    """State of a running server: ``url``, and ``server`` with its parts."""
    with running(Settings(voices, workers=2, max_chars=600)) as state:
        yield state


@pytest.fixture(scope="session")
def run_server():
    return running
