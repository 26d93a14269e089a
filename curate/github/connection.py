"""What PyGithub sends its requests with: redirects on the same host only, bodies with an end.

PyGithub takes a fourth of a second to import, so this module is imported inside functions.
"""

import math
from collections.abc import ItemsView
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import github
import requests
from github.Requester import HTTPSRequestsConnectionClass, Requester, RequestsResponse

from curate.core.errors import NetworkError
from curate.github.retry import TransientError

CONNECT_SECONDS = 4.0
MAX_REDIRECTS = 5
MAX_BODY_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 16
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NUMBERS = frozenset(("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"))
_CHECK_ADDRESS = "Check the setting github_api_url."


@dataclass(frozen=True, kw_only=True)
class Line:
    """A requester and the connection that it uses; for one request at a time."""

    requester: Requester
    connection: HTTPSRequestsConnectionClass


def open_line(api_url: str, token: str | None, timeout: float) -> Line:
    """Return a line to *api_url* that no request has used; *timeout* in seconds per read."""
    client = github.Github(
        auth=github.Auth.Token(token) if token else None,
        base_url=api_url,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        user_agent="curate",
    )
    return Line(requester=client.requester, connection=_Connection(api_url, timeout))


class _Connection(HTTPSRequestsConnectionClass):
    """A connection that follows redirects itself, over HTTP or HTTPS.

    PyGithub follows some redirects only, and those without their query.
    """

    def __init__(self, api_url: str, timeout: float) -> None:
        parts = urlsplit(api_url)
        super().__init__(parts.hostname or "")
        self._site = f"{parts.scheme}://{parts.netloc}"
        self._name = parts.netloc.rpartition("@")[2]
        self._timeouts = CONNECT_SECONDS, timeout

    def getresponse(self) -> RequestsResponse:
        """Return the answer to the request, after redirects with the same method and body."""
        url = self._site + self.url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._exchange(url)
            location = response.headers.get("location", "")
            if response.status_code not in _REDIRECTS or not location:
                return _Response(response, self._name)
            response.close()
            url = self._check_redirect(url, urljoin(url, location))
        raise NetworkError(f"{self._name} redirects without end.", hint=_CHECK_ADDRESS)

    def _exchange(self, url: str) -> requests.Response:
        response = self.session.request(
            self.verb,
            url,
            headers=self.headers,
            data=self.input,
            timeout=self._timeouts,
            allow_redirects=False,
            stream=True,
        )
        if response.status_code == 202 and self.verb == "GET":  # PyGithub would ask without end
            response.close()
            raise TransientError(
                f"{self._name} has not finished its answer (202).", hint="Try again later."
            )
        return response

    def _check_redirect(self, old: str, new: str) -> str:
        if not _is_same_host(old, new):
            raise NetworkError(
                f"{self._name} redirects to another host, {urlsplit(new).netloc}.",
                hint="The token is not sent there. " + _CHECK_ADDRESS,
            )
        return new


class _Response(RequestsResponse):
    """A response whose body has an end and is UTF-8, whatever the server says."""

    def __init__(self, response: requests.Response, name: str) -> None:
        super().__init__(response)
        self._name = name

    def getheaders(self) -> ItemsView[str, str]:
        """Return the headers without those at which PyGithub would fail."""
        headers = {name.lower(): value for name, value in super().getheaders()}
        return {name: it for name, it in headers.items() if _is_readable(name, it)}.items()

    def read(self) -> str:
        """Return the body; raise `TransientError` if it is longer than `MAX_BODY_BYTES`."""
        content = bytearray()
        with self.response as response:
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_BODY_BYTES:
                    raise TransientError(f"{self._name} sends an answer without end.")
        return content.decode("utf-8", "replace")


def _is_readable(name: str, value: str) -> bool:
    """Whether a header is none that PyGithub reads, or one that it can read."""
    if name not in _NUMBERS:
        return name != "location" or bool(value)
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _is_same_host(old: str, new: str) -> bool:
    """Whether *new* is on the host and port of *old*, or on its HTTPS port."""
    before, after = urlsplit(old), urlsplit(new)
    if (before.scheme, before.netloc) == (after.scheme, after.netloc):
        return True
    upgraded = before.scheme == "http" and after.scheme == "https"
    return upgraded and before.hostname == after.hostname and before.port == after.port is None
