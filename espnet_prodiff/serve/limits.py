"""Who may come in, and how much may be sent: before a request is read."""

from __future__ import annotations

import hmac
import json
from typing import Any

Scope = dict[str, Any]
OPEN = ("/", "/health")  # without a token


def problem(message: str, kind: str, param: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": None}}


class Gate:
    """Refuses requests without the token (401) and large bodies (413).

    Args:
        app: What comes behind it (ASGI).
        token: The token, or None.
        most: Bytes of a body.
    """

    def __init__(self, app: Any, token: str | None, most: int) -> None:
        self.app, self.token, self.most = app, token, most

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if not self._knows_token(scope["path"], headers.get(b"authorization", b"")):
            extra = [(b"www-authenticate", b"Bearer")]
            message = "this server wants a token: Authorization: Bearer TOKEN"
            await _answer(send, 401, problem(message, "authentication_error"), extra)
            return
        try:
            body = await self._read(headers, receive)
        except _TooLarge:
            message = f"the request is too long, expected {self.most} bytes at most"
            await _answer(send, 413, problem(message, "invalid_request_error"))
            return
        sent = False

        async def receive_body() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return await receive()  # that the client has gone
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receive_body, send)

    def _knows_token(self, path: str, header: bytes) -> bool:
        if self.token is None or path in OPEN:
            return True
        return hmac.compare_digest(header, b"Bearer " + self.token.encode())

    async def _read(self, headers: dict[bytes, bytes], receive: Any) -> bytes:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.most:
            raise _TooLarge
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.most:
                raise _TooLarge
            if not message.get("more_body"):
                return body


class _TooLarge(Exception):
    pass


async def _answer(
    send: Any,
    status: int,
    content: dict,
    extra: list[tuple[bytes, bytes]] | None = None,
) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), *(extra or [])]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
