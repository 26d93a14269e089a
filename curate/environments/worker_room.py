"""A worker's part of a run: settings, sandbox, mirrors, and a small store of its own.

What decides results comes from the driver; where things are on a machine, the machine says. The
store has the locks, answers and failed builds that the driver knows. It is in the cache directory,
in a numbered folder: the next worker there finds the sandboxes that a killed one has left.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.builders.backends.protocol import Backend
from curate.builders.errors import BuilderError
from curate.builders.process.temp_dirs import temp_dir
from curate.builders.python.choose import available_pythons
from curate.cluster.claims import Claims
from curate.cluster.shared_files import SharedFiles
from curate.cluster.shared_mirrors import SharedMirror, fetch_mirror
from curate.core.settings import Settings, read_settings
from curate.environments.claiming_backend import ClaimingBackend, can_share_layers
from curate.environments.context import (
    ValidationCancelledError,
    ValidationContext,
    open_backend,
)
from curate.environments.plan import current_architecture
from curate.environments.room_watchdog import MARKER, start_watchdog
from curate.environments.stored_answers import RECORDS, REPLIES, save_entries
from curate.git.locations import require_mirror
from curate.store import Store
from curate.store.recording_store import RecordingStore
from curate.store.serialization import dumps, loads
from curate.store.shared_rows import SharedRows

OF_MACHINE = (
    "data_dir",
    "cache_dir",
    "mirrors_dir",
    "recipes_dir",
    "python_install_dir",
    "ca_bundle",
    "docker_cli",
    "container_runtime",
    "min_free_disk_gib",
    "image_disk_limit_gib",
)
"""Settings that each worker reads itself, from its variables and its `curate.toml`."""


@dataclass(frozen=True, kw_only=True)
class RoomOrder:
    """What a worker needs to know to take part in a run."""

    settings: Mapping[str, Any]  # that hold for all workers
    sandbox: str
    purpose: str = ""  # of the sandboxes
    known_rows: bytes | str = b""  # what the driver's store has; or the name of a shared file


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """What results depend on beside the inputs, so that it must be equal on all workers."""

    architecture: str
    pythons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.architecture} with Python {', '.join(self.pythons)}"


def order_room(
    settings: Settings,
    sandbox: str,
    *,
    purpose: str = "",
    known_rows: bytes | str = b"",
    is_here: bool = False,
) -> RoomOrder:
    """Return the order for the workers of a run; *is_here* = processes of this machine."""
    values = settings.model_dump(mode="json")
    values["mirrors_dir"] = str(settings.effective_mirrors_dir.absolute())
    own = ("data_dir",) if is_here else OF_MACHINE
    return RoomOrder(
        settings={name: value for name, value in values.items() if name not in own},
        sandbox=sandbox,
        purpose=purpose,
        known_rows=known_rows,
    )


def share_known_rows(settings: Settings, store: Store) -> bytes | str:
    """Return what is known of environments, or put it among the shared files; then their name."""
    rows = dumps(store.shared_rows.read_all((RECORDS, REPLIES)))
    if not settings.shared_files:
        return rows
    shared = SharedFiles(settings.shared_files)
    name = f"rows/{hashlib.sha256(rows).hexdigest()}.json.zst"
    if not shared.has(name):
        with tempfile.NamedTemporaryFile() as file:
            path = Path(file.name)
            path.write_bytes(rows)
            shared.put(name, path)
    return name


@dataclass(kw_only=True, eq=False)
class WorkerRoom:
    """Implements `curate.cluster.room.Room`."""

    settings: Settings  # of this worker; the data directory is the small store
    store: Store
    backend: Backend
    run_executor: ThreadPoolExecutor
    stack: ExitStack
    claims: Claims = field(default_factory=Claims)
    mirrors: dict[str, SharedMirror] = field(default_factory=dict)
    stop_event: threading.Event = field(default_factory=threading.Event)
    abort_event: threading.Event = field(default_factory=threading.Event)

    def check_cancelled(self) -> None:
        """Raise ValidationCancelledError once nothing more is to begin."""
        if self.stop_event.is_set():
            raise ValidationCancelledError

    def open_store(self) -> RecordingStore:
        """Return the small store, for one job."""
        return RecordingStore(self.settings.data_dir)

    def make_context(self, store: Store) -> ValidationContext:
        """Return the context of a validation that works on *store*."""
        return ValidationContext(
            store=store,
            backend=self._claiming_backend(),
            settings=self.settings.build_settings(),
            python_versions=available_pythons(self.settings.python_install_dir),
            get_mirror=self.get_mirror,
            stop_event=self.stop_event,
            report_step=lambda name, step: None,
            run_executor=self.run_executor,
            abort_event=self.abort_event,
        )

    def _claiming_backend(self) -> Backend:
        """Return the sandbox; where workers share what they build, one builds at a time."""
        if not can_share_layers(self.settings, self.backend.name):
            return self.backend
        return ClaimingBackend(self.backend, self.claims, self.stop_event.is_set)

    def get_mirror(self, repo: str) -> Path:
        """Return the mirror of *repo*: made from shared files, or in this machine's folder."""
        if repo not in self.mirrors:
            return require_mirror(self.settings, repo)
        shared = SharedFiles(self.settings.shared_files)
        return fetch_mirror(
            self.mirrors[repo], shared, self.settings.cache_dir.absolute() / "mirrors"
        )

    def stop(self) -> None:
        """Begin no further test run."""
        self.stop_event.set()

    def abort(self) -> None:
        """End all builds and runs; may be called more than once."""
        self.stop_event.set()
        self.abort_event.set()
        with suppress(BuilderError):
            self.backend.abort_all()

    def close(self) -> None:
        """Remove the small store."""
        os.environ.pop(MARKER, None)
        self.stack.close()


def make_room(order: RoomOrder, slots: int) -> tuple[WorkerRoom, MachineFacts]:
    """Open sandbox and store on this worker, and remove what a killed one has left here."""
    with ExitStack() as stack:
        settings = _read_worker_settings(order)
        cache = settings.cache_dir.absolute()
        folder = stack.enter_context(temp_dir(cache / "cluster", "worker", reuse_name=True))
        settings = settings.model_copy(update={"data_dir": folder})
        store = stack.enter_context(Store(folder))
        backend = open_backend(order.sandbox, settings, store, order.purpose)
        os.environ[MARKER] = str(folder)
        stack.enter_context(start_watchdog(settings, order.sandbox, order.purpose))
        backend.cleanup()
        _save_known_rows(order, store, settings)
        executor = stack.enter_context(ThreadPoolExecutor(slots))
        facts = MachineFacts(
            architecture=current_architecture(),
            pythons=available_pythons(settings.python_install_dir),
        )
        room = WorkerRoom(
            settings=settings,
            store=store,
            backend=backend,
            run_executor=executor,
            stack=stack.pop_all(),
        )
    return room, facts


def _read_worker_settings(order: RoomOrder) -> Settings:
    own = read_settings({})
    return Settings.model_validate(own.model_dump() | dict(order.settings))


def _save_known_rows(order: RoomOrder, store: Store, settings: Settings) -> None:
    packed = order.known_rows
    if isinstance(packed, str):
        shared = SharedFiles(settings.shared_files)
        packed = shared.get(packed, settings.data_dir / "files").read_bytes()
    if packed:
        save_rows(store, loads(SharedRows, packed))


def save_rows(store: Store, rows: SharedRows) -> None:
    """Add *rows* of another store."""
    store.shared_rows.save(rows)
    save_entries(store, rows.derived)
