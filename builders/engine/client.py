"""Connection to the container engine through the docker SDK, and translation of its errors."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from curate.builders.errors import EngineUnavailableError, SandboxError

if TYPE_CHECKING:
    import docker


def connect_to_engine(
    *, timeout: int = 120, ping_timeout: float = 30, address: str = ""
) -> "docker.DockerClient":
    """Return a docker SDK client after a successful ping.

    Args:
        timeout: Seconds to wait for each answer of the engine.
        ping_timeout: Seconds to wait for the first one.
        address: As in DOCKER_HOST, which says where the engine is by default.

    Raises:
        EngineUnavailableError: No engine responds.
    """
    import docker

    try:
        patience = math.ceil(ping_timeout)
        if address:
            client = docker.DockerClient(base_url=address, timeout=patience)
        else:
            client = docker.from_env(timeout=patience)
        client.ping()
        client.api.timeout = timeout
    except (docker.errors.DockerException, OSError) as error:
        raise EngineUnavailableError(
            f"no container engine responds: {_find_connection_error(error)}",
            hint="Start Docker, set DOCKER_HOST, or use --sandbox local.",
        ) from error
    return client


def _find_connection_error(error: BaseException) -> str:
    """Return the operating system's message, which the SDK and its libraries wrap repeatedly."""
    socket = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    pending: list[object] = [error]
    while pending:
        found = pending.pop()
        if type(found).__name__ in ("ReadTimeout", "ReadTimeoutError", "TimeoutError"):
            return f"it accepts requests but does not answer: {socket}"
        if isinstance(found, OSError) and found.strerror:
            return f"{found.strerror}: {socket}"
        if isinstance(found, BaseException):
            pending += [found.__cause__, found.__context__, *found.args]
    return str(error)


@contextmanager
def translate_engine_errors() -> Iterator[None]:
    """Translate errors of the SDK.

    Raises:
        SandboxError: The engine returned an error.
        EngineUnavailableError: The engine did not respond.
    """
    import docker
    import requests

    try:
        yield
    except docker.errors.DockerException as error:
        raise SandboxError(f"the container engine returned an error: {error}") from error
    except requests.exceptions.RequestException as error:
        hint = "Check that dockerd is running and that this user may access its socket."
        raise EngineUnavailableError(
            f"the container engine does not respond: {error}", hint=hint
        ) from error


def find_image_store(client: "docker.DockerClient") -> Path:
    """Return the folder where the engine stores layers; the root folder if it is not local."""
    store = Path(client.info().get("DockerRootDir", "/"))
    return store if store.exists() else Path("/")
