"""What trials share: the user's options, and what a trial works with."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from builders.backends.protocol import Backend
from builders.settings import BuildSettings
from curate.store import Store


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
