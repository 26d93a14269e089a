"""The sandbox of a batch: opened at its first instance, ended by the user or at a deadline."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from curate.builders.backends.protocol import Backend
from curate.builders.errors import BuilderError
from curate.core.settings import Settings
from curate.environments.context import open_backend
from curate.store import Store


class BatchStoppedError(Exception):
    """The deadline has passed, or the user asked to stop."""


@dataclass(kw_only=True)
class BatchSandbox:
    """What opens and ends the runs of a batch."""

    kind: str  # "docker", "local", ...
    settings: Settings
    store: Store
    purpose: str  # sandboxes of another purpose are left alone
    deadline: float | None = None  # in the time of `time.monotonic`; None = no limit
    backend: Backend | None = None
    stop_event: threading.Event = field(default_factory=threading.Event)

    def open(self) -> Backend:
        """Return the backend; at the first call, what was left there is removed."""
        if self.backend is None:
            self.backend = open_backend(self.kind, self.settings, self.store, self.purpose)
            self.backend.cleanup()
        return self.backend

    def abort(self) -> None:
        """End all runs; may be called more than once."""
        self.stop_event.set()
        with suppress(BuilderError):
            if self.backend:
                self.backend.abort_all()

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def check_stopped(self) -> None:
        """Raise BatchStoppedError once no run is to begin."""
        if self.stop_event.is_set() or self.is_over:
            raise BatchStoppedError
