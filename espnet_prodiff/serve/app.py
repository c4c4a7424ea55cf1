"""The routes of a server."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from espnet_prodiff import __version__
from espnet_prodiff.errors import InputError, UserError
from espnet_prodiff.inference.streaming import pieces_of
from espnet_prodiff.runtime.voice import Voice
from espnet_prodiff.serve.encoding import FORMATS, STREAMED, check_rate, encode, head
from espnet_prodiff.serve.engine import Busy, Engine, Speech, TooSlow
from espnet_prodiff.serve.film import film_of
from espnet_prodiff.serve.limits import Gate, problem
from espnet_prodiff.serve.metrics import Metrics
from espnet_prodiff.serve.requests import SpeechRequest
from espnet_prodiff.serve.settings import Settings
from espnet_prodiff.serve.shelf import Shelf, UnknownVoice

PAGE = Path(__file__).parent / "page.html"
BYTES = 8  # of a character of a text in JSON, and some for the rest
HUNG_UP = 499  # nginx's: nobody reads it


class TooLong(InputError):
    """A text of too many characters."""


STATUS = {UnknownVoice: 404, TooLong: 413, Busy: 429, TooSlow: 504, InputError: 422}


class Server:
    """A server's parts: voices, queue and figures."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.shelf = Shelf(settings.voices, settings.memory)
        self.engine = Engine(settings.workers, settings.queue)
        self.metrics = Metrics(
            lambda: self.engine.waiting, lambda: sum(self.shelf.loaded().values())
        )

    async def submit(
        self, asked: SpeechRequest, film: Callable[[dict], None] | None = None
    ) -> Speech:
        """Check a request as a whole and put it in the queue.

        Args:
            asked: What is asked for.
            film: Called after each step; then only the first sentence is spoken.

        Raises:
            UserError: It cannot be spoken: of the classes in ``STATUS``.
        """
        most = self.settings.max_chars
        if len(asked.input) > most:
            found = len(asked.input)
            raise TooLong(f"input has {found} characters, expected {most} at most")
        self.engine.check_room()
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(self._prepare, asked, film, loop)

    def _prepare(
        self,
        asked: SpeechRequest,
        film: Callable[[dict], None] | None,
        loop: asyncio.AbstractEventLoop,
    ) -> Speech:
        voice = self.shelf[asked.model]
        check_rate(asked.response_format, voice.fs)
        item, conf = voice.request(asked.input, **asked.options(voice))
        # Every sentence is read before the first is spoken: what cannot be spoken is
        # said before any sound.
        pieces = [
            piece._replace(item={**piece.item, "text": voice.ids(piece.item["text"])})
            for piece in pieces_of(item, conf)
        ]
        if film is not None:
            pieces, conf = pieces[:1], {**conf, "callback": film}
        return self.engine.submit(voice, pieces, conf, loop)


def create_app(settings: Settings) -> FastAPI:
    """Build the application (ASGI)."""
    server = Server(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        server.engine.stop()

    app = FastAPI(
        title="espnet_prodiff",
        version=__version__,
        description="Speech by voices that espnet-prodiff export has written.",
        lifespan=lifespan,
    )
    app.state.server = server
    most = BYTES * settings.max_chars + 4096
    app.add_middleware(Gate, token=settings.token, most=most)
    _answer_errors(app, server)

    @app.post("/v1/audio/speech", response_class=Response)
    async def speech(asked: SpeechRequest, request: Request) -> Response:
        """Speak a text."""
        start = time.monotonic()
        speech = await server.submit(asked)
        kind, fs = asked.response_format, speech.voice.fs
        headers = {"X-Sample-Rate": str(fs)}
        outputs = speech.outputs(settings.timeout, request.is_disconnected)
        waves = _counted(server, outputs, start, fs)
        if asked.streamed:
            first = await anext(waves, None)
            if first is None:
                return _hung_up(server)
            body: AsyncIterator[str] | AsyncIterator[bytes]
            if asked.stream_format == "sse":
                body, media = _events(kind, fs, first, waves), "text/event-stream"
            else:
                body, media = _chunks(kind, fs, first, waves), FORMATS[kind][0]
            server.metrics.requests.labels(200).inc()
            return StreamingResponse(body, media_type=media, headers=headers)
        parts = [wave async for wave in waves]
        if len(parts) < len(speech.pieces):
            return _hung_up(server)
        wave = np.concatenate(parts)
        content = await asyncio.to_thread(encode, kind, wave, fs)
        server.metrics.requests.labels(200).inc()
        return Response(content, media_type=FORMATS[kind][0], headers=headers)

    @app.post("/v1/film")
    async def film(asked: SpeechRequest, request: Request) -> Any:
        """Return the mel of the first sentence before and after every step."""
        steps: list[dict[str, Any]] = []
        speech = await server.submit(asked, steps.append)
        outputs = speech.outputs(settings.timeout, request.is_disconnected)
        if not [output async for output in outputs]:
            return _hung_up(server)
        server.metrics.requests.labels(200).inc()
        return film_of(steps, speech.voice)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List the voices."""
        names = await asyncio.to_thread(server.shelf.names)
        return {"object": "list", "data": [_model(name) for name in names]}

    @app.get("/v1/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """Describe a voice."""
        voice = await asyncio.to_thread(server.shelf.__getitem__, name)
        return {**_model(name), **_about(voice)}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Tell that the server is there, and how much waits."""
        loaded = server.shelf.loaded()
        return {"status": "ok", "waiting": server.engine.waiting, "loaded": [*loaded]}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return figures for Prometheus."""
        return Response(server.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> str:
        return PAGE.read_text(encoding="utf-8")

    return app


def _answer_errors(app: FastAPI, server: Server) -> None:
    """Answer every error in OpenAI's form, with our message."""

    def answer(status: int, message: str, headers: dict | None = None) -> JSONResponse:
        server.metrics.requests.labels(status).inc()
        kind = "invalid_request_error" if status < 500 else "server_error"
        return JSONResponse(problem(message, kind), status, headers)

    @app.exception_handler(UserError)
    async def refused(_: Request, error: UserError) -> JSONResponse:
        kinds = (kind for kind in STATUS if isinstance(error, kind))
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, Busy) else {}
        return answer(STATUS.get(next(kinds, UserError), 500), str(error), headers)

    @app.exception_handler(RequestValidationError)
    async def malformed(
        request: Request, error: RequestValidationError
    ) -> JSONResponse:
        found = (
            f"{'.'.join(map(str, one['loc'][1:])) or 'body'}: {one['msg']}"
            for one in error.errors()
        )
        return answer(422, "; ".join(found))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail))


async def _counted(
    server: Server, outputs: AsyncGenerator[dict, None], start: float, fs: int
) -> AsyncGenerator[np.ndarray, None]:
    """Yield the waves, and count them."""
    first = True
    try:
        async for output in outputs:
            if first:
                server.metrics.first_sound.observe(time.monotonic() - start)
                first = False
            server.metrics.speech.inc(len(output["wav"]) / fs)
            yield output["wav"]
    finally:
        await outputs.aclose()


async def _chunks(
    kind: str, fs: int, first: np.ndarray, waves: AsyncGenerator[np.ndarray, None]
) -> AsyncIterator[bytes]:
    try:
        if kind not in STREAMED:  # a file is whole or none
            parts = [first, *[wave async for wave in waves]]
            yield await asyncio.to_thread(encode, kind, np.concatenate(parts), fs)
            return
        yield head(kind, fs) + encode("pcm", first, fs)
        async for wave in waves:
            yield encode("pcm", wave, fs)
    finally:
        await waves.aclose()


async def _events(
    kind: str, fs: int, first: np.ndarray, waves: AsyncGenerator[np.ndarray, None]
) -> AsyncIterator[str]:
    async for chunk in _chunks(kind, fs, first, waves):
        audio = base64.b64encode(chunk).decode()
        yield f"data: {json.dumps({'type': 'speech.audio.delta', 'audio': audio})}\n\n"
    yield f"data: {json.dumps({'type': 'speech.audio.done'})}\n\n"


def _hung_up(server: Server) -> Response:
    server.metrics.hung_up.inc()
    return Response(status_code=HUNG_UP)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "espnet_prodiff"}


def _about(voice: Voice) -> dict[str, Any]:
    """What a page has to know of a voice."""
    about = voice.about
    return {
        "sample_rate": voice.fs,
        "speakers": list(about["identity"]["speakers"]),
        "num_speakers": about["identity"]["num_speakers"] or 1,
        "num_steps": about["diffusion"]["num_steps"],
        "pitch": about["pitch"] is not None,
        "energy": about["energy"] is not None,
    }
