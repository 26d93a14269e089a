"""The client: environments of a server, with the methods of `curate.gym.Environment`."""

import base64
import threading
from collections.abc import Mapping
from typing import Any, Self, TypeVar
from urllib.parse import quote

import urllib3
from pydantic import BaseModel

from curate.core.errors import ConfigurationError, NotFoundError
from curate.gym.environment import SUBMIT, Info, Observation, encode_command
from curate.harness.grade import Grade
from curate.serve.connection import REPLY_SECONDS, ServerConnection
from curate.serve.messages import (
    MAX_PAGE,
    EnvironmentReply,
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

R = TypeVar("R", bound=BaseModel)

_GRADE_SECONDS = 4 * 3600.0  # with the patches that are graded before
_STEP_GRACE_SECONDS = 90.0


class RemoteServer:
    """A server that `curate serve` runs. Its methods may be called from any thread at once.

    Attributes:
        connection: Sends the requests.
    """

    def __init__(self, url: str, token: str = "", *, ca_certs: str | None = None) -> None:
        """Make the client of the server at *url*; nothing is sent yet.

        Args:
            url: Such as "http://127.0.0.1:8473"; a path is kept, as of a proxy.
            token: The server's token; by default that of the variable CURATE_SERVE_TOKEN.
            ca_certs: File of certificates that are trusted, for an address with https.
        """
        self.connection = ServerConnection(url, token, ca_certs)

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
        reply = self.connection.call("POST", "/environments", EnvironmentReply, body=body)
        return RemoteEnvironment(self, reply)

    def list_tasks(self) -> list[str]:
        """Return the ids of all tasks."""
        found: list[str] = []
        while True:
            path = f"/tasks?offset={len(found)}&limit={MAX_PAGE}"
            page = self.connection.call("GET", path, TaskPage)
            found += page.instance_ids
            if len(found) >= page.total or not page.instance_ids:
                return found

    def get_task(self, instance_id: str) -> TaskReply:
        """Return what an agent may know of a task."""
        return self.connection.call("GET", f"/tasks/{quote(instance_id, safe='')}", TaskReply)

    def grade(self, instance_id: str, patch: bytes | str) -> Grade:
        """Grade *patch* in a new sandbox, without an environment."""
        path = f"/tasks/{quote(instance_id, safe='')}/grade"
        body = _encode_patch(patch)
        return read_grade(
            self.connection.call("POST", path, GradeReply, body=body, seconds=_GRADE_SECONDS)
        )

    def get_health(self) -> HealthReply:
        """Return that the server is there, and its version."""
        return self.connection.call("GET", "/health", HealthReply)

    def close(self) -> None:
        """Close the connections; environments stay open on the server."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
        is_graded = command.strip() == SUBMIT
        reply = self._call(
            "POST",
            "/step",
            StepReply,
            body={"command": command},
            seconds=_GRADE_SECONDS if is_graded else self.step_seconds + _STEP_GRACE_SECONDS,
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
                    self.server.connection.send("DELETE", self._path, seconds=REPLY_SECONDS)
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
        seconds: float = REPLY_SECONDS,
    ) -> R:
        with self._lock:
            self._require_open()
            return self.server.connection.call(
                method, self._path + path, kind, body=body, seconds=seconds
            )

    def _send(self, method: str, path: str) -> urllib3.BaseHTTPResponse:
        with self._lock:
            self._require_open()
            return self.server.connection.send(method, self._path + path, seconds=REPLY_SECONDS)

    def _require_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError("The environment is closed.", hint="Make another one.")


def _check_command(command: str) -> None:
    encode_command(command)
    try:
        command.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError("A command for a server must be Unicode.") from error


def _encode_patch(patch: bytes | str) -> dict[str, str]:
    content = patch.encode() if isinstance(patch, str) else patch
    try:
        return {"patch": content.decode()}
    except UnicodeDecodeError:
        return {"patch_base64": base64.b64encode(content).decode()}
