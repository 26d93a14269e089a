"""The container engine, through the docker SDK: finding it, and its errors as ours."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from builders.errors import EngineUnavailableError, SandboxError

if TYPE_CHECKING:
    import docker


def connect_to_engine(*, timeout: int = 120) -> "docker.DockerClient":
    """A docker SDK client whose engine has answered; raises `EngineUnavailableError`."""
    import docker

    try:
        client = docker.from_env(timeout=timeout)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise EngineUnavailableError(
            f"no container engine answers: {_find_connection_error(error)}",
            hint="Start Docker, set DOCKER_HOST, or use the local backend.",
        ) from error
    return client


def _find_connection_error(error: BaseException) -> str:
    """What the operating system said, which the SDK and its libraries wrap several times."""
    socket = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    pending: list[object] = [error]
    while pending:
        found = pending.pop()
        if isinstance(found, OSError) and found.strerror:
            return f"{found.strerror}: {socket}"
        if isinstance(found, BaseException):
            pending += [found.__cause__, found.__context__, *found.args]
    return str(error)


@contextmanager
def translate_engine_errors() -> Iterator[None]:
    """Raise what the SDK raises as `SandboxError`, or `EngineUnavailableError` if there is no
    answer."""
    import docker
    import requests

    try:
        yield
    except docker.errors.DockerException as error:
        raise SandboxError(f"the engine refuses: {error}") from error
    except requests.exceptions.RequestException as error:
        hint = "Is dockerd running, and may this user reach it?"
        raise EngineUnavailableError(f"the engine does not answer: {error}", hint=hint) from error


def find_image_store(client: "docker.DockerClient") -> Path:
    """Folder where the engine keeps layers, if it is on this machine; else the root folder."""
    store = Path(client.info().get("DockerRootDir", "/"))
    return store if store.exists() else Path("/")
