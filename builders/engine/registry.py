"""Pushing images to a registry and proving that they are there, through the docker SDK.

Credentials are the engine's own (`docker login`); nothing of them passes through here. An engine's
push never raises: its stream is read for errors, the digest and what became of each layer.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import docker
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from builders.errors import BuilderError

# Answers that asking again does not change.
_FINAL = re.compile(
    r"unauthorized|denied|authentication required|insufficient_scope"
    r"|does not exist|no such image|invalid reference|repository name",
    re.IGNORECASE,
)


class RegistryError(BuilderError):
    """The registry refused an image, or does not have it."""


class _TransientRegistryError(RegistryError):
    """An answer that may be another one when asked again."""


@dataclass(frozen=True, kw_only=True)
class PushedImage:
    """An image in a registry: how to name it for good, and what sending it took."""

    reference: str  # "host/namespace/name@sha256:..."
    digest: str  # of the manifest
    layers: Mapping[str, str]  # short layer id -> "pushed" | "present" | "mounted"
    pushed_bytes: int  # uncompressed, of layers that were sent
    seconds: float


def push_image(client: docker.DockerClient, image: str, repository: str, tag: str) -> PushedImage:
    """Push the local *image* as *repository*:*tag* and return what the registry then has.

    *repository* is "host[:port]/namespace/name" without a tag. Failures that may pass are tried
    four times; then, or at once for a refusal, `RegistryError` is raised.
    """
    began = time.monotonic()
    try:
        client.images.get(image).tag(repository, tag=tag)
    except docker.errors.ImageNotFound as error:
        raise RegistryError(f"there is no image {image} to push") from error
    lines = _push_with_retries(client, repository, tag)
    digest = _parse_digest(lines, f"{repository}:{tag}")
    layers, sent = _parse_layers(lines)
    reference = f"{repository}@{digest}"
    verify_image(client, reference)
    seconds = time.monotonic() - began
    return PushedImage(
        reference=reference, digest=digest, layers=layers, pushed_bytes=sent, seconds=seconds
    )


def verify_image(client: docker.DockerClient, reference: str) -> str:
    """Ask the registry for the manifest of *reference* and return its digest."""
    try:
        found = str(client.images.get_registry_data(reference).id)
    except docker.errors.APIError as error:
        raise RegistryError(f"the registry has no {reference}: {error.explanation}") from error
    if "@" in reference and found != reference.split("@")[1]:
        raise RegistryError(f"the registry has {found} for {reference}")
    return found


def pull_image(client: docker.DockerClient, reference: str) -> str:
    """Pull *reference* ("repository@sha256:...") and return the id of the image."""
    repository, _, digest = reference.partition("@")
    try:
        return str(client.images.pull(repository, tag=digest or None).id)
    except docker.errors.APIError as error:
        raise RegistryError(f"{reference} cannot be pulled: {error.explanation}") from error


@retry(
    retry=retry_if_exception_type(_TransientRegistryError),
    stop=stop_after_attempt(4),
    wait=wait_exponential(multiplier=1, max=30),
    reraise=True,
)
def _push_with_retries(
    client: docker.DockerClient, repository: str, tag: str
) -> list[dict[str, Any]]:
    """Lines of one push that worked."""
    try:
        lines = list(client.images.push(repository, tag=tag, stream=True, decode=True))
    except (docker.errors.APIError, OSError) as error:
        raise _TransientRegistryError(f"{repository}:{tag} could not be pushed: {error}") from error
    for line in lines:
        if "error" in line:
            kind = RegistryError if _FINAL.search(line["error"]) else _TransientRegistryError
            raise kind(
                f"{repository}:{tag} was refused: {line['error']}",
                hint="Log in (docker login) and check the name and its permissions.",
            )
    return lines


def _parse_digest(lines: Iterable[Mapping[str, Any]], name: str) -> str:
    """Digest that the end of a push's stream tells."""
    found = [line["aux"]["Digest"] for line in lines if "Digest" in line.get("aux", {})]
    if not found:
        raise RegistryError(f"the engine told no digest for {name}")
    return str(found[-1])


def _parse_layers(lines: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], int]:
    """What became of each layer, and the bytes of those that were sent."""
    layers: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for line in lines:
        layer, status = line.get("id", ""), line.get("status", "")
        if status == "Pushing":
            detail = line.get("progressDetail", {})
            seen = max(int(detail.get("current", 0)), int(detail.get("total", 0)))
            sizes[layer] = max(sizes.get(layer, 0), seen)
        for words, word in _LAYER_STATES.items():
            if status.startswith(words):
                layers[layer] = word
    sent = sum(size for layer, size in sizes.items() if layers.get(layer) == "pushed")
    return layers, sent


_LAYER_STATES = {"Pushed": "pushed", "Layer already exists": "present", "Mounted from": "mounted"}
