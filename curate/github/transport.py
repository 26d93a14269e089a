"""HTTP to GitHub's API by PyGithub's requester: JSON both ways, a deadline for every request."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from curate.core.errors import ConfigurationError, NetworkError
from curate.github.json_text import parse_json
from curate.github.retry import NoAnswerError, TransientError, UnreachableError

if TYPE_CHECKING:
    from curate.github.connection import Line

T = TypeVar("T")

_CHECK_NETWORK = "Check the network connection, the proxy, and the setting github_api_url."


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A request; *path* is relative to the API's address, or an absolute one on its host."""

    method: str
    path: str
    token: str | None
    parameters: Mapping[str, Any] | None = None
    document: Mapping[str, Any] | None = None  # the JSON body


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """An answer; `body` is the parsed JSON, or `NOT_JSON`. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Transport:
    """Sends requests to one API address; safe to share between threads."""

    def __init__(self, api_url: str, timeout: float) -> None:
        """*timeout* in seconds is for every read; a whole request may take 10 seconds more.

        Raises `ConfigurationError` if *api_url* is not an HTTP address.
        """
        self.api_url = api_url.rstrip("/")
        self.host = _read_host(api_url)
        self._timeout = timeout
        self._idle: dict[str | None, queue.LifoQueue[Line]] = {}  # by token

    @property
    def graphql_url(self) -> str:
        """Address of GraphQL: beside REST, which GitHub Enterprise Server has below `/api/v3`."""
        return self.api_url.removesuffix("/v3") + "/graphql"

    def send(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer to *request*, whatever its status.

        Raises `UnreachableError`, `NoAnswerError` or `TransientError`, and `NetworkError` for a
        redirect to another host or without end.
        """
        import requests

        try:
            return _call_with_deadline(lambda: self._exchange(request), self._timeout + 10)
        except TimeoutError:
            raise self._no_answer() from None
        except (requests.RequestException, OSError) as error:
            raise self._explain(error) from None

    def _exchange(self, request: HttpRequest) -> HttpAnswer:
        line = self._take_line(request.token)
        status, headers, text = line.requester.requestJson(
            request.method,
            urljoin(f"{self.api_url}/", request.path),
            parameters=dict(request.parameters or {}),
            input=request.document,
            cnx=line.connection,
        )
        self._idle[request.token].put(line)  # one that has failed is dropped
        return HttpAnswer(status=status, headers=headers, body=parse_json(text.encode()))

    def _take_line(self, token: str | None) -> "Line":
        from curate.github.connection import open_line

        try:
            return self._idle.setdefault(token, queue.LifoQueue()).get_nowait()
        except queue.Empty:
            return open_line(self.api_url, token, self._timeout)

    def _no_answer(self) -> NoAnswerError:
        return NoAnswerError(
            f"{self.host} accepts requests but does not answer.", hint="Try again later."
        )

    def _explain(self, error: Exception) -> NetworkError:
        """Return the error for what `requests` or a socket raised."""
        import requests
        import urllib3

        cause: Any = error.args[0] if error.args else error
        reason = getattr(cause, "reason", None) or cause
        if isinstance(error, requests.exceptions.SSLError):
            return NetworkError(
                f"No secure connection to {self.host}: {str(reason)[:200]}",
                hint="If a proxy has its own certificates, name their file in REQUESTS_CA_BUNDLE.",
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return UnreachableError(
                f"The proxy does not let requests to {self.host} through.", hint=_CHECK_NETWORK
            )
        if isinstance(reason, urllib3.exceptions.NameResolutionError):
            return UnreachableError(f"The host {self.host} is not found.", hint=_CHECK_NETWORK)
        if isinstance(reason, urllib3.exceptions.ConnectTimeoutError):  # also a refusal
            fault = str(reason).rpartition("]")[2].strip() if "[Errno" in str(reason) else "timeout"
            return UnreachableError(f"No connection to {self.host}: {fault}.", hint=_CHECK_NETWORK)
        if isinstance(error, requests.Timeout) or isinstance(
            reason, urllib3.exceptions.ReadTimeoutError
        ):
            return self._no_answer()
        return TransientError(
            f"No valid response from {self.host} ({type(error).__name__}).",
            hint="Check the connection and try again.",
        )


def _read_host(api_url: str) -> str:
    """Host and port of *api_url*, without user and password."""
    try:
        parts = urlsplit(api_url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(char.isspace() for char in api_url):
        raise ConfigurationError(
            "The setting github_api_url is not an HTTP address.",
            hint="Write it like https://api.github.com or https://HOST/api/v3.",
        )
    return parts.netloc.rpartition("@")[2]


def _call_with_deadline(function: Callable[[], T], seconds: float) -> T:
    """Return what *function* returns; raise `TimeoutError` if that takes longer.

    A socket's timeout holds for a single read, so a server that sends a byte now and then would
    never be given up. The thread that still waits for it ends with the process.
    """
    outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((function(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=run, daemon=True, name="github-request").start()
    deadline = time.monotonic() + seconds
    try:
        value, error = outcome.get(timeout=max(deadline - time.monotonic(), 0))
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
