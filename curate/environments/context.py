"""What trials share: the user's options, and what a trial works with."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from builders.backends.protocol import Backend
from builders.errors import EngineUnavailableError
from builders.settings import BuildSettings
from curate.core.settings import Settings
from curate.store import Store

log = logging.getLogger(__name__)

BACKENDS = ("docker", "local")


class ValidationCancelled(Exception):
    """The user asked to stop; nothing of the trial under way is kept."""


@dataclass(frozen=True, kw_only=True)
class ValidationOptions:
    """What the user chose for a validation; part of its key, but for `jobs`."""

    runs: int = 3  # on each side
    backend: str = "docker"
    measure_strength: bool = True  # whether to measure what the tests notice of the gold patch


@dataclass(frozen=True, kw_only=True)
class ValidationContext:
    """What a trial works with."""

    store: Store
    backend: Backend
    settings: BuildSettings
    python_versions: tuple[str, ...]  # interpreters that can be had, "3.8" ...
    get_mirror: Callable[[str], Path]  # repository -> bare mirror
    stop_event: threading.Event
    report_step: Callable[[str, str], None]  # instance id, step
    run_executor: Executor  # carries runs, no more at once than the user asked for


def open_backend(name: str, settings: Settings, store: Store) -> Backend:
    """The backend *name*; raises EngineUnavailableError where no container engine answers."""
    if name == "local":
        log.warning("the local sandbox does not isolate: tests run as you, on this machine")
    backend = describe_backend(name, settings, store)
    try:
        backend.check_available()  # before anything is planned
    except EngineUnavailableError as error:
        error.hint = error.hint or "Start Docker, or use --sandbox local."
        raise
    return backend


def describe_backend(name: str, settings: Settings, store: Store) -> Backend:
    """The backend *name*, to be asked for names only: no engine need answer."""
    if name == "local":
        from builders.backends.local import LocalBackend

        return LocalBackend(settings.build_settings())
    from builders.backends.docker import DockerBackend

    protected = store.unpushed_images if settings.keep_unpushed_images else tuple
    return DockerBackend(settings.build_settings(), protected_images=protected)
