"""What every request passes first: the token, and the limit of its size."""

import asyncio
import hmac
from collections.abc import Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curate.core.troubleshooting import find_anchor_by_names, locate_entry
from curate.serve.errors import ERRORS, ApiError, ErrorKind

PUBLIC_PATHS = frozenset({"/health", "/openapi.json"})
_DRAIN_SECONDS = 30.0


class RequestGuard:
    """ASGI middleware. Nothing of a request is looked at before its token is right."""

    def __init__(self, app: ASGIApp, *, token: str, body_bytes: int) -> None:
        self.app, self._body_bytes = app, body_bytes
        self._authorization = b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the start and end of the server."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            if scope["path"] not in PUBLIC_PATHS:
                self._check_token(headers)
            body = await self._read_body(headers, receive)
        except ApiError as error:
            await make_error_response(error)(scope, receive, send)
            return
        await self.app(scope, _Replay(body, receive), send)

    def _check_token(self, headers: Mapping[bytes, bytes]) -> None:
        given = headers.get(b"authorization", b"")
        scheme, _, token = given.partition(b" ")
        if hmac.compare_digest(scheme.title() + b" " + token.strip(), self._authorization):
            return
        raise ApiError(
            ErrorKind.UNAUTHORIZED,
            "The token is wrong." if given else "A token is required.",
            hint="Send the server's token: Authorization: Bearer TOKEN",
        )

    async def _read_body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        declared = headers.get(b"content-length", b"0")
        parts: list[bytes] = []
        size = int(declared) if declared.isdigit() else 0
        is_whole = False
        received = 0
        while not is_whole and max(size, received) <= self._body_bytes:
            message = await receive()
            parts.append(message.get("body", b""))
            received += len(parts[-1])
            is_whole = not message.get("more_body", False)
        if max(size, received) <= self._body_bytes:
            return b"".join(parts)
        if not is_whole:
            await _drain(receive)
        raise ApiError(
            ErrorKind.TOO_LARGE,
            f"The request is larger than {self._body_bytes / 2**20:g} MiB.",
            hint="The server's option --max-body says how large one may be.",
        )


class _Replay:
    """`receive` of a request whose body was read."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


async def _drain(receive: Receive) -> None:
    """Read the rest of a body, or most clients would not read the reply."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return


def make_error_response(error: ApiError) -> JSONResponse:
    """Return the reply that says what *error* is."""
    headers = {"WWW-Authenticate": "Bearer"} if error.kind is ErrorKind.UNAUTHORIZED else None
    classes = [it.__name__ for it in ERRORS[error.kind].raised.__mro__]
    content = {
        "kind": error.kind.value,
        "message": str(error),
        "hint": error.hint,
        "docs": locate_entry(find_anchor_by_names(classes, str(error))),
    }
    return JSONResponse(content, status_code=error.status, headers=headers)
