"""The end of a container: awaited, and brought about where time or disk run out.

No file system that engines use by default has quotas. One file is limited by the kernel (`fsize`);
for many, the engine is asked now and then how much the container has written, so a run may exceed
its limit by what a disk takes in between two looks.
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

from builders.errors import SandboxError
from builders.model import ResourceLimits
from builders.process.free_space import RESERVED_INODE_FRACTION, free_inode_fraction
from builders.sandbox.run_script import KILL_AFTER

_GRACE = KILL_AFTER + 3  # seconds after the limit at which the container is ended from outside
_STOP_TIMEOUT = 60.0  # seconds a killed container may take to be gone
_DISK_CHECK_INTERVAL = 2.0  # seconds between two looks at the disk
_DISK_CHECK_SHARE = 10  # ... which take at most this part of the time


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
    """Wait for the end of *container*, or bring it about when it passes *limits*.

    Raises SandboxError when inodes run out on *disk*: whose files those are cannot be told.
    """
    deadline = time.monotonic() + limits.seconds + _GRACE
    pause = _DISK_CHECK_INTERVAL
    while (left := deadline - time.monotonic()) > 0:
        if _has_exited(container, min(pause, left)):
            return StopReason.EXITED
        if disk and free_inode_fraction(disk) < 2 * RESERVED_INODE_FRACTION:
            raise SandboxError(f"few inodes are left at {disk} while {container.name} runs")
        began = time.monotonic()
        if _written_bytes(client, container) > limits.disk_bytes:
            return _stop_container(container, StopReason.DISK_EXCEEDED)
        pause = max(_DISK_CHECK_INTERVAL, _DISK_CHECK_SHARE * (time.monotonic() - began))
    return _stop_container(container, StopReason.TIMED_OUT)


def _has_exited(container: Container, seconds: float) -> bool:
    """Whether it ends within *seconds*; a connection that breaks off raises.

    The engine may be back before it is asked again, and has then ended the run by its own end.
    """
    try:
        container.wait(timeout=seconds)
    except requests.exceptions.ReadTimeout:
        return False
    except requests.exceptions.ConnectionError as error:
        if any(isinstance(cause, ReadTimeoutError) for cause in error.args):
            return False  # the answer had begun
        raise
    return True


def _written_bytes(client: docker.DockerClient, container: Container) -> int:
    """Bytes in the container's own layer, sparse files in full; 0 where the engine cannot say."""
    with suppress(APIError, requests.exceptions.ReadTimeout):
        found = client.api.containers(size=True, filters={"id": container.id})
        return sum(each.get("SizeRw") or 0 for each in found)
    return 0


def _stop_container(container: Container, why: StopReason) -> StopReason:
    with suppress(APIError):  # it may just have ended by itself
        container.kill()
    container.wait(timeout=_STOP_TIMEOUT)
    return why
