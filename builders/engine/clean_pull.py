"""Pull an image as somebody does who never had it: by digest, asked of the registry."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker
import requests

from curate.builders.engine.registry import RegistryError, RegistryUnavailableError

# What registries answer where an image is not; "no such host" is another matter.
_GONE = re.compile(
    r"manifest unknown|manifest for \S+ not found|name unknown|not known to registry"
    r"|failed to resolve reference.*not found|\bnot found: manifest",
    re.IGNORECASE | re.DOTALL,
)


class ImageGoneError(RegistryError):
    """The registry responds and does not have the image."""


@dataclass(frozen=True, kw_only=True)
class CleanPull:
    """A pulled image."""

    reference: str  # "host/namespace/name@sha256:..."
    digest: str  # of the manifest
    was_here: bool  # before: then `forget` is not called for it
    new_layers: int  # that the registry sent
    present_layers: int  # that the engine had, as other images share them


def pull_clean(client: docker.DockerClient, reference: str) -> CleanPull:
    """Pull *reference* ("name@sha256:..." or "name:tag") from its registry, whatever is here.

    The registry is asked for the manifest, as an engine that knows it would not ask. The local
    name is removed, so that the image is resolved anew; the engine compares content and digest.

    Raises:
        ImageGoneError: The registry does not have it, or has another image under the digest.
        RegistryUnavailableError: The registry does not respond, or asks for a login.
    """
    _ask_registry(client, reference)
    was_here = _forget(client, reference)
    repository, tag, digest = split_reference(reference)
    lines = list(_pull(client, repository, digest or tag, reference))
    found = digest or _find_digest(lines, reference)
    pinned = f"{repository}@{found}"
    names = client.images.get(pinned).attrs.get("RepoDigests") or [pinned]
    if not any(name.endswith(f"@{found}") for name in names):
        raise ImageGoneError(f"the registry sent another image for {reference}: {names[0]}")
    states = [str(line.get("status", "")) for line in lines]
    return CleanPull(
        reference=pinned,
        digest=found,
        was_here=was_here,
        new_layers=states.count("Pull complete"),
        present_layers=states.count("Already exists"),
    )


def forget(client: docker.DockerClient, pulled: CleanPull) -> None:
    """Remove what `pull_clean` brought, unless it was here before or a container runs in it."""
    if not pulled.was_here:
        _forget(client, pulled.reference)


def split_reference(reference: str) -> tuple[str, str, str]:
    """Return (name, tag, digest) of *reference*; without either the tag is `latest`."""
    name, _, digest = reference.partition("@")
    host, slash, rest = name.rpartition("/")
    rest, _, tag = rest.partition(":")
    return f"{host}{slash}{rest}", tag or ("" if digest else "latest"), digest


def _forget(client: docker.DockerClient, reference: str) -> bool:
    """Remove the local name *reference*, and the image if it has no other; whether it was here."""
    try:
        client.images.get(reference)
    except docker.errors.ImageNotFound:
        return False
    with suppress(docker.errors.APIError):  # in use, or removed by another process
        client.images.remove(reference)
    return True


def _ask_registry(client: docker.DockerClient, reference: str) -> None:
    try:
        client.images.get_registry_data(reference)
    except docker.errors.APIError as error:
        raise _make_error(reference, str(error.explanation or error)) from error
    except requests.exceptions.RequestException as error:
        raise RegistryUnavailableError(f"{reference} cannot be pulled: {error}") from error


def _pull(
    client: docker.DockerClient, repository: str, version: str, reference: str
) -> Iterator[dict[str, Any]]:
    try:
        for line in client.api.pull(repository, tag=version, stream=True, decode=True):
            if "error" in line:
                raise _make_error(reference, str(line["error"]))
            yield line
    except docker.errors.APIError as error:
        raise _make_error(reference, str(error.explanation or error)) from error
    except requests.exceptions.RequestException as error:
        raise RegistryUnavailableError(f"{reference} cannot be pulled: {error}") from error


def _make_error(reference: str, message: str) -> RegistryError:
    text = f"{reference} cannot be pulled: {message}"
    if _GONE.search(message):
        return ImageGoneError(text)
    hint = "Check the network and, for private images, docker login; then run it again."
    return RegistryUnavailableError(text, hint=hint)


def _find_digest(lines: list[dict[str, Any]], reference: str) -> str:
    states = [str(line.get("status", "")) for line in lines]
    found = [it.partition("Digest: ")[2] for it in states if it.startswith("Digest: ")]
    if not found:
        raise RegistryError(f"the engine did not report a digest for {reference}")
    return found[-1]
