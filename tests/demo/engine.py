"""Which sandbox the demo can use on this machine, and why not the better one."""

import os

from curate.builders.engine.buildkit import find_build_client
from curate.builders.engine.client import connect_to_engine
from curate.builders.errors import BuilderError
from curate.builders.settings import BuildSettings


def choose_sandbox(wanted: str) -> tuple[str, str]:
    """("docker" | "local", sentence that says why) for "docker", "local" or "auto"."""
    if wanted != "auto":
        return wanted, f"The {wanted} sandbox was asked for."
    base = os.environ.get("CURATE_BASE_IMAGE") or BuildSettings.base_image
    try:
        _have_image(base)
    except BuilderError as error:
        return "local", f"No usable container engine ({error}). Tests run in the local sandbox."
    return "docker", "A container engine answers: tests run in containers without network."


def _have_image(name: str) -> None:
    """Raise BuilderError unless an engine answers that can build and has or can get *name*."""
    import docker

    engine = connect_to_engine()
    find_build_client(os.environ.get("CURATE_DOCKER_CLI", ""))
    try:
        engine.images.get(name)
    except docker.errors.ImageNotFound:
        try:
            repository, *tag = name.rsplit(":", 1)
            engine.images.pull(repository, tag[0] if tag else None)
        except docker.errors.APIError as error:
            raise BuilderError(f"the base image {name} cannot be pulled") from error
