"""Wait for a container to exit, and stop it when it exceeds its time or disk limit.

The file systems that engines use by default have no quotas. The kernel limits the size of a single
file (`fsize`). For the total, the engine is asked periodically how much the container has written,
so a run may exceed its limit by what it writes between two checks.
"""

import time
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path

import docker
import requests
from docker.errors import APIError
from docker.models.containers import Container
from urllib3.exceptions import ReadTimeoutError

from curate.builders.errors import SandboxError
from curate.builders.model import ResourceLimits
from curate.builders.process.free_space import RESERVED_INODE_FRACTION, free_inode_fraction
from curate.builders.sandbox.supervise import KILL_AFTER

GRACE_SECONDS = (
    KILL_AFTER + 3
)  # seconds after the time limit until the container is killed from outside
_ALIVE = frozenset({"created", "initialized", "running", "paused", "stopping"})
_STILL_ALIVE_PAUSE = 0.1
_STOP_TIMEOUT = 60.0  # seconds that a killed container may take to exit
_DISK_CHECK_INTERVAL = 2.0  # minimum seconds between two disk checks
_DISK_CHECK_FACTOR = 10  # the interval is at least this many times the duration of a check


class StopReason(Enum):
    """Why a container is no longer running."""

    EXITED = auto()
    TIMED_OUT = auto()
    DISK_EXCEEDED = auto()


def wait_for_exit(
    client: docker.DockerClient,
    container: Container,
    limits: ResourceLimits,
    disk: Path | None = None,
) -> StopReason:
    """Wait until *container* exits, or stop it when it exceeds *limits*.

    Raises:
        SandboxError: *disk* runs out of inodes, which may not be this container's fault.
    """
    deadline = time.monotonic() + limits.seconds + GRACE_SECONDS
    pause = _DISK_CHECK_INTERVAL
    while (remaining := deadline - time.monotonic()) > 0:
        if _has_exited(container, min(pause, remaining)):
            return StopReason.EXITED
        if disk and free_inode_fraction(disk) < 2 * RESERVED_INODE_FRACTION:
            raise SandboxError(f"{disk} ran low on inodes while {container.name} was running")
        started = time.monotonic()
        if _written_bytes(client, container) > limits.disk_bytes:
            return _stop_container(container, StopReason.DISK_EXCEEDED)
        pause = max(_DISK_CHECK_INTERVAL, _DISK_CHECK_FACTOR * (time.monotonic() - started))
    return _stop_container(container, StopReason.TIMED_OUT)


def _has_exited(container: Container, seconds: float) -> bool:
    """Whether *container* exits within *seconds*.

    A lost connection is an error: the engine may have restarted, and thereby ended the run.
    """
    try:
        container.wait(timeout=seconds)
    except requests.exceptions.ReadTimeout:
        return False
    except requests.exceptions.ConnectionError as error:
        if any(isinstance(cause, ReadTimeoutError) for cause in error.args):
            return False  # timeout after the answer had started
        raise
    container.reload()
    if container.status not in _ALIVE or not _is_running_here(container):
        return True
    time.sleep(min(_STILL_ALIVE_PAUSE, seconds))  # a busy Podman sometimes answers too early
    return False


def _is_running_here(container: Container) -> bool:
    """Whether the first process of *container* is one of this machine.

    A busy Podman may take long to note the end of a container.
    """
    pid = int(container.attrs["State"].get("Pid") or 0)
    return pid > 0 and Path(f"/proc/{pid}").exists()


def _written_bytes(client: docker.DockerClient, container: Container) -> int:
    """Return the size of the container's writable layer; 0 if the engine does not report it.

    Sparse files count with their full length.
    """
    with suppress(APIError, requests.exceptions.ReadTimeout):
        found = client.api.containers(size=True, filters={"id": container.id})
        return sum(entry.get("SizeRw") or 0 for entry in found)
    return 0


def _stop_container(container: Container, reason: StopReason) -> StopReason:
    with suppress(APIError):  # it may just have exited
        container.kill()
    container.wait(timeout=_STOP_TIMEOUT)
    return reason
