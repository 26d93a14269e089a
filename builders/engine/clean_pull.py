"""Pull an image as somebody does who never had it: by digest, asked of the registry."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import requests

from curate.builders.engine.pull_notes import forget_pulled, note_pulled, read_pulled
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


def pull_clean(
    client: docker.DockerClient, reference: str, on_new: Callable[[str], None] = lambda pinned: None
) -> CleanPull:
    """Pull *reference* ("name@sha256:..." or "name:tag") from its registry, whatever is here.

    The registry is asked for the manifest, as an engine that knows it would not ask. Its digest is
    forgotten here and pulled anew, the engine compares content and digest; tags stay as they are.
    *on_new* is told of the name by digest before it is pulled, if it was not here before.

    Raises:
        ImageGoneError: The registry does not have it, or has another image under the digest.
        RegistryUnavailableError: The registry does not respond, or asks for a login.
    """
    digest = _ask_registry(client, reference)
    repository = find_repository(reference)
    pinned = f"{repository}@{digest}"
    was_here = _forget(client, pinned)
    if not was_here:
        on_new(pinned)
    lines = list(_pull(client, repository, digest, reference))
    states = [str(line.get("status", "")) for line in lines]
    return CleanPull(
        reference=pinned,
        digest=digest,
        was_here=was_here,
        new_layers=states.count("Pull complete"),
        present_layers=states.count("Already exists"),
    )


def forget(client: docker.DockerClient, pulled: CleanPull) -> None:
    """Remove what `pull_clean` brought, unless it was here before or a container runs in it."""
    if not pulled.was_here:
        _forget(client, pulled.reference)


def find_repository(reference: str) -> str:
    """Return *reference* without tag and digest; a port of its host stays."""
    host, slash, rest = reference.partition("@")[0].rpartition("/")
    return f"{host}{slash}{rest.partition(':')[0]}"


def _forget(client: docker.DockerClient, reference: str) -> bool:
    """Remove the local name *reference*, and the image if it has no other; whether it was here."""
    try:
        client.images.get(reference)
    except docker.errors.ImageNotFound:
        return False
    with suppress(docker.errors.APIError):  # in use, or removed by another process
        client.images.remove(reference)
    return True


def forget_left(client: docker.DockerClient, notes: Path) -> None:
    """Remove the images that a killed process has pulled, whose `SharedPulls` had these *notes*."""
    for reference in read_pulled(notes):
        _forget(client, reference)
        forget_pulled(notes, reference)


class SharedPulls:
    """Images that this process has pulled; threads that need the same one share it.

    What is to be removed again is noted in the folder *notes*, for the case that it is killed.
    """

    def __init__(self, notes: Path | None = None) -> None:
        self._notes = notes
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._used: dict[str, tuple[CleanPull, int]] = {}  # with the number of users

    @contextmanager
    def use(self, client: docker.DockerClient, reference: str) -> Iterator[CleanPull]:
        """Yield *reference*, pulled; the last user forgets it. Raises as `pull_clean`."""
        with self._guard:
            own = self._locks.setdefault(reference, threading.Lock())
        with own:
            known = self._used.get(reference)
            pulled, users = known or (pull_clean(client, reference, self._note), 0)
            self._used[reference] = (pulled, users + 1)
        try:
            yield pulled
        finally:
            with own:
                pulled, users = self._used.pop(reference)
                if users > 1:
                    self._used[reference] = (pulled, users - 1)
                else:
                    forget(client, pulled)
                    self._drop_note(pulled.reference)

    def _note(self, reference: str) -> None:
        if self._notes:
            note_pulled(self._notes, reference)

    def _drop_note(self, reference: str) -> None:
        if self._notes:
            forget_pulled(self._notes, reference)


def _ask_registry(client: docker.DockerClient, reference: str) -> str:
    """Return the digest of the manifest that the registry has for *reference*."""
    try:
        return str(client.images.get_registry_data(reference).id)
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
