"""What validations share: the user's options, and the services they use."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from curate.builders.backends.protocol import Backend
from curate.builders.errors import EngineUnavailableError
from curate.builders.settings import BuildSettings
from curate.core.errors import ConfigurationError
from curate.core.files import make_cache_dir
from curate.core.settings import Settings
from curate.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

BACKENDS = ("docker", "podman", "apptainer", "local")
BUILDING_BACKENDS = ("docker", "podman", "local")


class ValidationCancelledError(Exception):
    """The user asked to stop; results of the current attempt are discarded."""


@dataclass(frozen=True, kw_only=True)
class ValidationOptions:
    """The user's options for a validation; part of its inputs hash.

    Raises ConfigurationError for a backend that builds no environments.
    """

    runs: int = 3  # before and after the gold patch, each
    backend: str = "docker"
    measure_strength: bool = True  # whether to run hunk ablation on verified candidates

    def __post_init__(self) -> None:
        """Check the backend."""
        if self.backend not in BUILDING_BACKENDS:
            raise ConfigurationError(
                f"The {self.backend} sandbox builds no environments.",
                hint=f"Use one of {', '.join(BUILDING_BACKENDS)}.",
            )


@dataclass(frozen=True, kw_only=True)
class ValidationContext:
    """Services and settings shared by all validations of a process."""

    store: Store
    backend: Backend
    settings: BuildSettings
    python_versions: tuple[str, ...]  # available interpreters, e.g. "3.8"
    get_mirror: Callable[[str], Path]  # repository -> bare mirror
    stop_event: threading.Event
    report_step: Callable[[str, str], None]  # instance id, step
    run_executor: Executor  # executes test runs, at most as many in parallel as requested

    # set: child processes are being killed, so what they return counts for nothing
    abort_event: threading.Event = field(default_factory=threading.Event)

    def resume(self, instance_id: str, step: str, kind: type[T], finish: Callable[[], T]) -> T:
        """Return the result of a step, of type *kind*: of an interrupted call, or of *finish*."""
        found = self.store.unfinished.get(kind, instance_id, step)
        if found is not None:
            return found
        result = finish()
        self.remember(instance_id, step, result)
        return result

    def remember(self, instance_id: str, step: str, result: object) -> None:
        """Save the *result* of a step for the next call, in case this one is interrupted."""
        if not self.abort_event.is_set():
            self.store.unfinished.save(instance_id, step, result)


def open_backend(name: str, settings: Settings, store: Store, purpose: str = "") -> Backend:
    """Open the backend *name*; raises EngineUnavailableError if no container engine responds.

    Sandboxes of another *purpose* are left alone when those of this one are removed.
    """
    if name == "local":
        log.warning("the local sandbox does not isolate: tests run as you, on this machine")
    backend = describe_backend(name, settings, store, purpose)
    make_cache_dir(settings.cache_dir)
    try:
        backend.check_available()  # fail before planning anything
    except EngineUnavailableError as error:
        error.hint = error.hint or "Start Docker, or use --sandbox local."
        raise
    return backend


def describe_backend(name: str, settings: Settings, store: Store, purpose: str = "") -> Backend:
    """Return the backend *name* without checking that its container engine is available.

    Raises ConfigurationError for a name that is none of BACKENDS.
    """
    if name not in BACKENDS:
        hint = f"There are {', '.join(BACKENDS)}."
        raise ConfigurationError(f"There is no sandbox {name!r}.", hint=hint)
    options = settings.build_settings()
    if purpose:
        options = replace(options, run_owner=f"{options.run_owner}-{purpose}")
    if name == "local":
        from curate.builders.backends.local import LocalBackend

        return LocalBackend(options)
    if name == "apptainer":
        from curate.builders.backends.apptainer import ApptainerBackend

        return ApptainerBackend(options)
    from curate.builders.backends.docker import DockerBackend
    from curate.builders.backends.podman import PodmanBackend

    kind = PodmanBackend if name == "podman" else DockerBackend
    protected = store.unpushed_images if settings.keep_unpushed_images else tuple
    return kind(options, protected_images=protected)
