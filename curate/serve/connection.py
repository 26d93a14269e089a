"""Requests to a server of `curate serve`: sent again where that is safe, errors as exceptions."""

import os
import secrets
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import urllib3
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ReadTimeoutError,
)

from curate.core.errors import ConfigurationError, NetworkError
from curate.serve.errors import ERRORS
from curate.serve.messages import ErrorReply
from curate.serve.options import TOKEN_VARIABLE, check_token

R = TypeVar("R", bound=BaseModel)

ATTEMPTS = 4
REPLY_SECONDS = 600.0  # for what may pull an image, or copy many files
_CONNECT_SECONDS = 10.0
_CONNECTIONS = 64


class ServerConnection:
    """Sends requests, from any number of threads.

    A request is sent again if no connection came about, or its reply was lost: all requests that
    change something have a key, by which the server does not run one twice.
    """

    def __init__(self, url: str, token: str, ca_certs: str | None) -> None:
        try:
            parsed = urllib3.util.parse_url(url)
            if parsed.scheme not in {"http", "https"} or not parsed.host:
                raise LocationParseError(url)
        except LocationParseError as error:
            raise ConfigurationError(f"Invalid address of a server: {url!r}.") from error
        self.url = url.rstrip("/")
        self._path = (parsed.path or "").rstrip("/")
        token = token or os.environ.get(TOKEN_VARIABLE, "")
        if token:
            check_token(token)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        certificates = {"ca_certs": ca_certs} if ca_certs else {}
        self._connections = urllib3.connection_from_url(
            self.url, maxsize=_CONNECTIONS, headers=self._headers, **certificates
        )

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def call(
        self,
        method: str,
        path: str,
        kind: type[R],
        *,
        body: Mapping[str, Any] | None = None,
        seconds: float = REPLY_SECONDS,
    ) -> R:
        """Send a request and return its reply, a message of *kind*; raise what went wrong."""
        reply = self.send(method, path, body, seconds)
        try:
            return kind.model_validate_json(reply.data)
        except ValidationError as error:
            raise NetworkError(
                f"{self.url} does not answer as curate serve does: {error.errors()[0]['msg']}.",
                hint="Check the address, and that both sides have the same version of curate.",
            ) from error

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, seconds: float = 60.0
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return its reply; raise what went wrong."""
        headers = dict(self._headers)
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                reply = self._connections.request(
                    method,
                    self._path + path,
                    json=body,
                    headers=headers,
                    retries=False,
                    timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
                )
            except HTTPError as error:
                if attempt == ATTEMPTS or not _may_repeat(error):
                    raise NetworkError(
                        f"{self.url} does not answer: {error}.",
                        hint="Check that the server runs, and the network.",
                    ) from error
                time.sleep(0.1 * 4 ** (attempt - 1))
            else:
                if reply.status >= 400:
                    raise read_error(self.url, reply)
                return reply
        raise AssertionError("unreachable")


def read_error(url: str, reply: urllib3.BaseHTTPResponse) -> Exception:
    """Return the exception that a reply with an error stands for."""
    try:
        error = ErrorReply.model_validate_json(reply.data)
    except ValidationError:
        return NetworkError(f"{url} answers with status {reply.status}, not as curate serve does.")
    return ERRORS[error.kind].raised(error.message, hint=error.hint)


def _may_repeat(error: HTTPError) -> bool:
    """Whether a request that failed with *error* can be sent again: all but those that take long.

    Either nothing was sent, or the request has a key, or it changes nothing.
    """
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return True
    return not isinstance(error, ReadTimeoutError)
