"""The client: environments of a server, with the methods of `curate.gym.Environment`."""

import os
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any, Self, TypeVar
from urllib.parse import quote

import urllib3
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ReadTimeoutError,
)

from curate.core.errors import ConfigurationError, NetworkError, NotFoundError
from curate.gym.environment import Info, Observation, encode_command
from curate.harness.grade import Grade
from curate.serve.errors import ERRORS
from curate.serve.messages import (
    MAX_PAGE,
    EnvironmentReply,
    ErrorReply,
    GradeReply,
    HealthReply,
    ResetReply,
    SnapshotReply,
    StepReply,
    TaskPage,
    TaskReply,
    read_grade,
    read_step_info,
)
from curate.serve.options import TOKEN_VARIABLE

R = TypeVar("R", bound=BaseModel)

ATTEMPTS = 4
_CONNECT_SECONDS = 10.0
_REPLY_SECONDS = 600.0  # for what may pull an image, or copy many files
_GRADE_SECONDS = 4 * 3600.0  # with the patches that are graded before
_STEP_GRACE_SECONDS = 90.0
_CONNECTIONS = 64


class RemoteServer:
    """A server that `curate serve` runs. Its methods may be called from any thread at once.

    A request is sent again if no connection came about. One whose reply was lost is sent again if
    that does no harm; the server then does not run it twice.
    """

    def __init__(self, url: str, token: str = "", *, ca_certs: str | None = None) -> None:
        """Make the client of the server at *url*; nothing is sent yet.

        Args:
            url: Such as "http://127.0.0.1:8473"; a path is kept, as of a proxy.
            token: The server's token; by default that of the variable CURATE_SERVE_TOKEN.
            ca_certs: File of certificates that are trusted, for an address with https.
        """
        try:
            parsed = urllib3.util.parse_url(url)
            if parsed.scheme not in {"http", "https"} or not parsed.host:
                raise LocationParseError(url)
        except LocationParseError as error:
            raise ConfigurationError(f"Invalid address of a server: {url!r}.") from error
        self.url = url.rstrip("/")
        self._path = (parsed.path or "").rstrip("/")
        token = token or os.environ.get(TOKEN_VARIABLE, "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        certificates = {"ca_certs": ca_certs} if ca_certs else {}
        self._connections = urllib3.connection_from_url(
            self.url, maxsize=_CONNECTIONS, headers=self._headers, **certificates
        )

    def make(
        self,
        instance_id: str,
        *,
        step_seconds: float | None = None,
        output_bytes: int | None = None,
        max_steps: int | None = None,
    ) -> "RemoteEnvironment":
        """Open an environment of a task; the options are those of `curate.gym.make`."""
        options = {
            "step_seconds": step_seconds,
            "output_bytes": output_bytes,
            "max_steps": max_steps,
        }
        body = {"instance_id": instance_id} | {
            name: value for name, value in options.items() if value is not None
        }
        reply = self.call("POST", "/environments", EnvironmentReply, body=body)
        return RemoteEnvironment(self, reply)

    def list_tasks(self) -> list[str]:
        """Return the ids of all tasks."""
        found: list[str] = []
        while True:
            path = f"/tasks?offset={len(found)}&limit={MAX_PAGE}"
            page = self.call("GET", path, TaskPage)
            found += page.instance_ids
            if len(found) >= page.total or not page.instance_ids:
                return found

    def get_task(self, instance_id: str) -> TaskReply:
        """Return what an agent may know of a task."""
        return self.call("GET", f"/tasks/{quote(instance_id, safe='')}", TaskReply)

    def grade(self, instance_id: str, patch: bytes | str) -> Grade:
        """Grade *patch* in a new sandbox, without an environment."""
        path = f"/tasks/{quote(instance_id, safe='')}/grade"
        body = _encode_patch(patch)
        return read_grade(self.call("POST", path, GradeReply, body=body, seconds=_GRADE_SECONDS))

    def get_health(self) -> HealthReply:
        """Return that the server is there, and its version."""
        return self.call("GET", "/health", HealthReply)

    def close(self) -> None:
        """Close the connections; environments stay open on the server."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(
        self,
        method: str,
        path: str,
        kind: type[R],
        *,
        body: Mapping[str, Any] | None = None,
        seconds: float = _REPLY_SECONDS,
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


class RemoteEnvironment:
    """An environment on a server, with the methods of `curate.gym.Environment`.

    They may be called from any thread, one at a time, and raise what those of a local environment
    raise; NetworkError if the server does not answer, NotFoundError if it has closed the
    environment, which it does with one that is not used for a while.
    """

    def __init__(self, server: RemoteServer, reply: EnvironmentReply) -> None:
        self.server, self.id, self.instance_id = server, reply.id, reply.instance_id
        self.step_seconds = reply.step_seconds
        self._lock = threading.RLock()
        self._is_closed = False

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """`Environment.reset`; a task has nothing random, so *seed* and *options* do nothing."""
        reply = self._call("POST", "/reset", ResetReply)
        return reply.observation, reply.info

    def step(self, command: str) -> tuple[Observation, float, bool, bool, Info]:
        """`Environment.step`."""
        _check_command(command)
        reply = self._call(
            "POST",
            "/step",
            StepReply,
            body={"command": command},
            seconds=max(self.step_seconds + _STEP_GRACE_SECONDS, _REPLY_SECONDS),
        )
        info = read_step_info(reply.info)
        return reply.observation, reply.reward, reply.terminated, reply.truncated, info

    def submit(self, patch: bytes | str | None = None) -> Grade:
        """`Environment.submit`."""
        body = None if patch is None else _encode_patch(patch)
        return read_grade(
            self._call("POST", "/submit", GradeReply, body=body, seconds=_GRADE_SECONDS)
        )

    def diff(self) -> bytes:
        """`Environment.diff`."""
        return self._send("GET", "/diff").data

    def snapshot(self) -> str:
        """`Environment.snapshot`."""
        return self._call("POST", "/snapshots", SnapshotReply).name

    def restore(self, name: str) -> None:
        """`Environment.restore`."""
        self._send("POST", f"/snapshots/{quote(name, safe='')}/restore")

    def fork(self) -> "RemoteEnvironment":
        """`Environment.fork`."""
        return RemoteEnvironment(self.server, self._call("POST", "/fork", EnvironmentReply))

    def close(self) -> None:
        """`Environment.close`; nothing happens if the server has closed it already."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                try:
                    self.server.send("DELETE", self._path, seconds=_REPLY_SECONDS)
                except NotFoundError:
                    return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _path(self) -> str:
        return f"/environments/{self.id}"

    def _call(
        self,
        method: str,
        path: str,
        kind: type[R],
        *,
        body: Mapping[str, Any] | None = None,
        seconds: float = _REPLY_SECONDS,
    ) -> R:
        with self._lock:
            self._require_open()
            return self.server.call(method, self._path + path, kind, body=body, seconds=seconds)

    def _send(self, method: str, path: str) -> urllib3.BaseHTTPResponse:
        with self._lock:
            self._require_open()
            return self.server.send(method, self._path + path, seconds=_REPLY_SECONDS)

    def _require_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError("The environment is closed.", hint="Make another one.")


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


def _check_command(command: str) -> None:
    encode_command(command)
    try:
        command.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError("A command for a server must be Unicode.") from error


def _encode_patch(patch: bytes | str) -> dict[str, str]:
    import base64

    content = patch.encode() if isinstance(patch, str) else patch
    try:
        return {"patch": content.decode()}
    except UnicodeDecodeError:
        return {"patch_base64": base64.b64encode(content).decode()}
