"""OpenAI's own client, and requests that it would never send."""

import base64
import concurrent.futures
import io
import json

import httpx
import numpy as np
import openai
import pytest
import soundfile

from espnet_prodiff.fileio.speech_file import pcm_16
from espnet_prodiff.runtime import Voice
from espnet_prodiff.serve.settings import Settings

TEXT = "Hello there. This is the second sentence, and it is a longer one."


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)


@pytest.fixture(scope="module")
def expected(exported_slt):
    return Voice(exported_slt, threads=1).say(TEXT, seed=3, speed=1.25)


def ask(client, kind="pcm", text=TEXT, **others):
    body = {"seed": 3, **others}
    return client.audio.speech.create(
        model="slt",
        voice="default",
        input=text,
        response_format=kind,
        speed=1.25,
        extra_body=body,
    )


@pytest.mark.parametrize("kind", ["wav", "pcm", "flac", "opus", "mp3"])
def test_the_client_gets_speech_in_every_format(client, expected, kind):
    answer = ask(client, kind)
    assert answer.response.headers["X-Sample-Rate"] == "16000"
    if kind == "pcm":
        wav, fs = np.frombuffer(answer.content, "<i2") / 2**15, 16000
    else:
        wav, fs = soundfile.read(io.BytesIO(answer.content))
    if kind == "opus":  # decoded at its own rate
        wav, fs = wav[:: fs // 16000], 16000
    assert fs == 16000 and abs(len(wav) - len(expected)) < 0.1 * fs
    if kind in ("wav", "pcm", "flac"):
        assert np.abs(wav - expected).max() < 2e-3
    rms = [np.sqrt(np.mean(x**2)) for x in (wav, expected)]
    assert abs(rms[0] / rms[1] - 1) < 0.05


def test_a_stream_has_the_samples_of_the_whole(client, server):
    whole = ask(client).content
    streaming = client.audio.speech.with_streaming_response
    body = dict(model="slt", voice="slt", input=TEXT, speed=1.25)
    with streaming.create(
        **body, response_format="pcm", extra_body={"seed": 3, "stream": True}
    ) as answer:
        chunks = list(answer.iter_bytes())
    assert len(chunks) >= 2 and b"".join(chunks) == whole
    body |= dict(response_format="wav", stream_format="sse", seed=3)
    lines = httpx.post(f"{server.url}/v1/audio/speech", json=body).text.split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert [event["type"] for event in events] == [
        *["speech.audio.delta"] * 2,
        "speech.audio.done",
    ]
    parts = [base64.b64decode(event["audio"]) for event in events[:-1]]
    assert parts[0][:4] == b"RIFF" and b"".join(parts)[44:] == whole


def test_the_same_bytes_under_load_as_alone(client):
    alone = ask(client).content
    texts = [TEXT if i % 2 else f"Another text, number {i}." for i in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: ask(client, text=text).content, texts))
    assert all(answer == alone for answer in answers[1::2])
    assert len(set(answers)) == 9


def test_voices_are_listed_as_models(client, server):
    assert [model.id for model in client.models.list()] == ["slt", "twin"]
    about = httpx.get(f"{server.url}/v1/models/slt").json()
    assert about["sample_rate"] == 16000 and about["num_steps"] == 1


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (dict(model="../slt"), 404, "no model '../slt' on this server; there are: slt"),
        (dict(model="/etc"), 404, "no model '/etc'"),
        (dict(model="no_voice"), 404, "no model"),
        (dict(voice="alloy"), 422, "no voice 'alloy': slt has one speaker"),
        (dict(input=""), 422, "the text is empty"),
        (dict(input="One. \u6c34."), 422, "English (Latin letters)"),
        (dict(input="a" * 601), 413, "input has 601 characters, expected 600 at most"),
        (dict(input="a" * 20000), 413, "the request is too long, expected 8896 bytes"),
        (dict(response_format="aac"), 422, "response_format: Input should be"),
        (dict(response_format="exe"), 422, "'mp3', 'opus', 'flac', 'wav' or 'pcm'"),
        (dict(speed=0), 422, "speed is 0.0, expected a number from 0.1 to 10"),
        (dict(num_steps=99), 422, "num_steps is 99, expected a whole number from 1"),
        (dict(path="/etc/passwd"), 422, "path: Extra inputs are not permitted"),
    ],
)
def test_what_is_refused(server, changes, status, message):
    body = {"model": "slt", "input": "Hello.", **changes}
    answer = httpx.post(f"{server.url}/v1/audio/speech", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error")
    assert message in error["message"]


def test_the_client_raises_our_message(client):
    with pytest.raises(openai.UnprocessableEntityError, match="the text is empty"):
        ask(client, text=" ")


def test_no_json_and_no_such_path(server):
    url = f"{server.url}/v1/audio/speech"
    assert httpx.post(url, content=b"{").status_code == 422
    assert httpx.get(f"{server.url}/v1/files/..%2f..%2fetc/passwd").status_code == 404
    assert httpx.get(url).status_code == 405
    body = (b" " * 5000 for _ in range(4))  # of no length that was told before
    assert httpx.post(url, content=body).status_code == 413


def test_the_film_of_a_sentence(server):
    body = {"model": "slt", "input": TEXT, "num_steps": 3}
    film = httpx.post(f"{server.url}/v1/film", json=body).json()
    assert [frame["t"] for frame in film["frames"]][::3] == [1000.0, 0.0]
    pictures = [
        np.frombuffer(base64.b64decode(frame["pixels"]), np.uint8)
        .reshape(film["height"], film["width"])
        .astype(float)
        for frame in film["frames"]
    ]
    # Neighbouring frames are alike in speech, and not in noise.
    alike = [np.corrcoef(x[:, 1:].ravel(), x[:, :-1].ravel())[0, 1] for x in pictures]
    assert len(pictures) == 4 and alike[0] < 0.5 and alike[-1] > 0.9


def test_figures_and_documentation(server, client):
    ask(client, text="One more.")
    text = httpx.get(f"{server.url}/metrics").text
    counts = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")
    )
    assert float(counts['espnet_prodiff_requests_total{status="200"}']) >= 1
    assert float(counts["espnet_prodiff_speech_seconds_total"]) > 0.5
    assert float(counts["espnet_prodiff_first_sound_seconds_count"]) >= 1
    assert httpx.get(f"{server.url}/docs").status_code == 200
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert "/v1/audio/speech" in paths
    health = httpx.get(f"{server.url}/health").json()
    assert (health["status"], health["waiting"]) == ("ok", 0)


def test_a_token(voices, run_server):
    with run_server(Settings(voices, workers=1, token="s3cret")) as state:
        for headers in ({}, {"Authorization": "Bearer other"}):
            answer = httpx.get(f"{state.url}/v1/models", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/docs", "/metrics", "/openapi.json"):
            assert httpx.get(state.url + path).status_code == 401
        client = openai.OpenAI(base_url=f"{state.url}/v1", api_key="s3cret")
        assert len(client.models.list().data) == 2
        assert httpx.get(f"{state.url}/health").status_code == 200


def test_a_wave_is_its_pcm(client):
    wav = ask(client, "wav").content
    samples, _ = soundfile.read(io.BytesIO(wav))
    assert pcm_16(samples) == ask(client, "pcm").content == wav[44:]
