"""The queue: rounds, a full one, who hangs up, who waits too long; the shelf."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest

from espnet_prodiff.errors import TextError, UserError
from espnet_prodiff.inference.streaming import Piece
from espnet_prodiff.serve.engine import Busy, Engine, TooSlow
from espnet_prodiff.serve.settings import Settings
from espnet_prodiff.serve.shelf import Shelf

BOOK = " ".join(
    f"This is sentence {word} of a text." for word in "one two three".split()
)


class Slow:
    """A voice that speaks when it may, and writes down what."""

    fs = 100

    def __init__(self):
        self.may, self.spoken = threading.Semaphore(0), []

    def features(self, items, conf):
        self.may.acquire()
        self.spoken.append(items[0]["text"])
        if items[0]["text"] == "bad":
            raise TextError("no")
        yield {}

    def vocode(self, output, conf):
        return {"wav": np.ones(3, np.float32)}


def pieces(*texts):
    return [Piece({"text": text}, 0.0) for text in texts]


def with_engine(test, workers=1, most=3):
    async def run():
        engine, voice = Engine(workers, most), Slow()
        loop = asyncio.get_running_loop()

        def submit(*texts):
            return engine.submit(voice, pieces(*texts), {}, loop)

        try:
            await asyncio.wait_for(test(engine, voice, submit), 20)
        finally:
            voice.may.release(100)
            await asyncio.to_thread(engine.stop)

    asyncio.run(run())


async def read(speech, timeout=10):
    return [output async for output in speech.outputs(timeout)]


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


def test_first_sentences_come_first():
    async def test(engine, voice, submit):
        book = submit("a1", "a2", "a3")
        await until(lambda: len(engine._heap) == 2)  # a1 is being spoken
        others = [submit("b1", "b2"), submit("c1")]
        voice.may.release(6)
        found = [await read(speech) for speech in (book, *others)]
        assert [len(outputs) for outputs in found] == [3, 2, 1]
        assert voice.spoken == ["a1", "b1", "c1", "a2", "b2", "a3"]
        assert engine.waiting == 0

    with_engine(test)


def test_a_book_is_read_to_its_end_however_many_ask_for_a_word():
    async def test(engine, voice, submit):
        book = submit("a1", "a2", "a3")
        words = [submit(f"w{number}") for number in range(30)]
        voice.may.release(33)
        for speech in (book, *words):
            await read(speech)
        assert [voice.spoken.index(f"a{i}") for i in (1, 2, 3)] == [0, 8, 17]

    with_engine(test, most=40)


def test_a_full_queue_refuses_and_who_hangs_up_makes_room():
    async def test(engine, voice, submit):
        speeches = [submit("a1"), submit("b1", "b2"), submit("c1")]
        with pytest.raises(Busy, match="3 requests are waiting") as refused:
            submit("d1")
        assert refused.value.seconds >= 1

        async def gone():
            return True

        assert [x async for x in speeches[1].outputs(10, gone)] == []
        assert engine.waiting == 2
        last = submit("d1")
        voice.may.release(3)
        assert len(await read(last)) == 1
        assert voice.spoken == ["a1", "c1", "d1"]

    with_engine(test)


def test_errors_and_time():
    async def test(engine, voice, submit):
        bad = submit("fine", "bad")
        voice.may.release(2)
        with pytest.raises(TextError, match="sentence 2 of 2: no"):
            await read(bad)
        with pytest.raises(TooSlow, match=r"within 0.1 s"):
            await read(submit("slow"), timeout=0.1)
        await until(lambda: engine.waiting == 0)

    with_engine(test)


def test_voices_are_loaded_on_demand_within_the_memory(voices):
    small = Shelf(voices, memory=1)
    assert list(small.names()) == ["slt", "twin"] and small.loaded() == {}
    first = small["slt"]
    assert small["slt"] is first and list(small.loaded()) == ["slt"]
    assert 60 < small.loaded()["slt"] < 200
    small["twin"]
    assert list(small.loaded()) == ["twin"]
    assert len(first.say("No.", seed=0)) > 1000  # who has it keeps it
    large = Shelf(voices, memory=1000)
    assert large["slt"] is not large["twin"] and len(large.loaded()) == 2
    assert list(Shelf(voices / "slt", 1).names()) == [(voices / "slt").resolve().name]
    with pytest.raises(UserError, match="is no folder"):
        Settings(voices / "none")
    with pytest.raises(UserError, match="queue must be a whole number"):
        Settings(voices, queue=0)


def test_a_full_server_says_when_to_come_back(voices, run_server):
    with run_server(Settings(voices, workers=1, queue=1)) as state:
        body = {"model": "slt", "input": BOOK * 8, "response_format": "pcm"}
        url = f"{state.url}/v1/audio/speech"
        with httpx.stream("POST", url, json={**body, "stream": True}) as book:
            stream = book.iter_bytes()
            assert len(next(stream)) > 1000
            refused = httpx.post(url, json=body)
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
            assert "1 requests are waiting" in refused.json()["error"]["message"]
        # It has hung up: its place is free before its 24 sentences are spoken.
        end = time.monotonic() + 10
        while state.server.engine.waiting and time.monotonic() < end:
            time.sleep(0.01)
        answer = httpx.post(url, json={**body, "input": "Yes."})
        assert answer.status_code == 200


def test_a_server_that_is_stopped_ends_what_it_has_begun(voices):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "espnet_prodiff", "serve", "--voices", str(voices)]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("voices: slt, twin; page: http://")
        url = f"http://127.0.0.1:{port}/v1/audio/speech"
        body = {"model": "slt", "input": BOOK * 4, "response_format": "pcm"}
        transport = httpx.HTTPTransport(retries=8)  # until it listens
        with httpx.Client(transport=transport) as client:
            with client.stream("POST", url, json={**body, "stream": True}) as answer:
                chunks = answer.iter_bytes()
                size = len(next(chunks))
                process.send_signal(signal.SIGTERM)
                size += sum(map(len, chunks))
        assert process.wait(20) in (0, -signal.SIGTERM)
        assert size > 2 * 16000 * 12 * 1.5  # all twelve sentences
        assert "Traceback" not in process.stdout.read()
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--voices", "nowhere"], "nowhere is no folder, expected one of exported"),
        (["--token"], "--token wants the variable ESPNET_PRODIFF_TOKEN"),
    ],
)
def test_servers_that_cannot_start(arguments, message, tmp_path):
    command = [sys.executable, "-m", "espnet_prodiff", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr
    assert "Traceback" not in done.stderr
