"""Push images to a registry and verify that they arrived, through the docker SDK.

Credentials are those of `docker login`; this module does not handle them. The SDK's push does not
raise: errors, the digest and the state of each layer are parsed from its progress stream.
"""

import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import docker
import requests
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from curate.builders.errors import BuilderError

# Errors for which a retry is pointless.
_FINAL = re.compile(
    r"unauthorized|denied|authentication required|insufficient_scope"
    r"|does not exist|no such image|invalid reference|repository name|name invalid",
    re.IGNORECASE,
)

_SILENT = re.compile(r"timeout|deadline exceeded|request canceled", re.IGNORECASE)


class RegistryError(BuilderError):
    """The registry refused an image, or does not have it."""


class RegistryUnavailableError(RegistryError):
    """The registry does not respond, or fails in a way that a later call may not."""


@dataclass(frozen=True, kw_only=True)
class PushedImage:
    """A pushed image: its immutable reference, and the cost of the upload."""

    reference: str  # "host/namespace/name@sha256:..."
    digest: str  # of the manifest
    layers: Mapping[str, str]  # short layer id -> "pushed" | "present" | "mounted"
    pushed_bytes: int  # uncompressed size of the uploaded layers
    seconds: float


def push_image(client: docker.DockerClient, image: str, repository: str, tag: str) -> PushedImage:
    """Push the local *image* as *repository*:*tag* and verify it.

    Args:
        client: Client of the engine that has *image*.
        image: Name or id of the local image.
        repository: "host[:port]/namespace/name" without a tag.
        tag: Tag in the registry.

    Raises:
        RegistryError: The push was refused.
        RegistryUnavailableError: The push failed four times.
    """
    started = time.monotonic()
    try:
        client.images.get(image).tag(repository, tag=tag)
    except docker.errors.ImageNotFound as error:
        raise RegistryError(f"image {image} does not exist, so it cannot be pushed") from error
    except docker.errors.APIError as error:
        raise RegistryError(
            f"{repository}:{tag} cannot be pushed: {error.explanation or error}"
        ) from error
    lines = _push_with_retries(client, repository, tag)
    digest = _parse_digest(lines, f"{repository}:{tag}")
    layers, pushed_bytes = _parse_layers(lines)
    reference = f"{repository}@{digest}"
    verify_image(client, reference)
    return PushedImage(
        reference=reference,
        digest=digest,
        layers=layers,
        pushed_bytes=pushed_bytes,
        seconds=time.monotonic() - started,
    )


def check_registry(client: docker.DockerClient, registry: str, seconds: float) -> None:
    """Ask *registry* for an image, whatever the answer.

    Raises:
        RegistryUnavailableError: There is none within *seconds*, or the engine has waited in vain.
    """
    patience, client.api.timeout = client.api.timeout, math.ceil(seconds)
    try:
        client.images.get_registry_data(f"{registry}/curate:latest")
    except (requests.exceptions.ReadTimeout, docker.errors.APIError) as error:
        if isinstance(error, docker.errors.APIError) and not _SILENT.search(str(error)):
            return
        raise RegistryUnavailableError(
            f"the registry {registry} accepts requests but does not answer",
            hint="Check its name and try again later; network_timeout says how long to wait.",
        ) from error
    finally:
        client.api.timeout = patience


def verify_image(client: docker.DockerClient, reference: str) -> str:
    """Request the manifest of *reference* from the registry and return its digest.

    Raises:
        RegistryError: The registry does not have it, or has it with another digest.
    """
    try:
        found = str(client.images.get_registry_data(reference).id)
    except docker.errors.APIError as error:
        raise RegistryError(
            f"the registry does not have {reference}: {error.explanation}"
        ) from error
    if "@" in reference and found != reference.split("@")[1]:
        raise RegistryError(f"the registry returned the digest {found} for {reference}")
    return found


def pull_image(client: docker.DockerClient, reference: str) -> str:
    """Pull *reference* ("repository@sha256:...") and return the id of the image.

    Raises:
        RegistryError: The pull failed.
    """
    repository, _, digest = reference.partition("@")
    try:
        return str(client.images.pull(repository, tag=digest or None).id)
    except docker.errors.APIError as error:
        raise RegistryError(f"{reference} cannot be pulled: {error.explanation}") from error


@retry(
    retry=retry_if_exception_type(RegistryUnavailableError),
    stop=stop_after_attempt(4),
    wait=wait_exponential(multiplier=1, max=30),
    reraise=True,
)
def _push_with_retries(
    client: docker.DockerClient, repository: str, tag: str
) -> list[dict[str, Any]]:
    """Return the progress lines of a successful push."""
    try:
        lines = list(client.images.push(repository, tag=tag, stream=True, decode=True))
    except (docker.errors.APIError, OSError) as error:
        raise RegistryUnavailableError(
            f"{repository}:{tag} could not be pushed: {error}"
        ) from error
    for line in lines:
        if "error" in line:
            kind = RegistryError if _FINAL.search(line["error"]) else RegistryUnavailableError
            raise kind(
                f"{repository}:{tag} was refused: {line['error']}",
                hint="Log in (docker login) and check the name and its permissions.",
            )
    return lines


def _parse_digest(lines: Iterable[Mapping[str, Any]], name: str) -> str:
    """Return the digest that the progress stream of a push reports."""
    found = [line["aux"]["Digest"] for line in lines if "Digest" in line.get("aux", {})]
    if not found:
        raise RegistryError(f"the engine did not report a digest for {name}")
    return str(found[-1])


def _parse_layers(lines: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], int]:
    """Return the state of each layer, and the total bytes of those that were uploaded."""
    layers: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for line in lines:
        layer, status = line.get("id", ""), line.get("status", "")
        if status == "Pushing":
            detail = line.get("progressDetail", {})
            seen = max(int(detail.get("current", 0)), int(detail.get("total", 0)))
            sizes[layer] = max(sizes.get(layer, 0), seen)
        for message, state in _LAYER_STATES.items():
            if status.startswith(message):
                layers[layer] = state
    pushed_bytes = sum(size for layer, size in sizes.items() if layers.get(layer) == "pushed")
    return layers, pushed_bytes


_LAYER_STATES = {"Pushed": "pushed", "Layer already exists": "present", "Mounted from": "mounted"}
