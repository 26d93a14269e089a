"""Who grades patches: threads of this process, or the workers of a cluster."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol

from curate.builders.backends.protocol import Backend
from curate.builders.errors import BuilderError
from curate.builders.process.interrupt import allow_clean_exit
from curate.cluster.connect import LOCAL, open_cluster
from curate.cluster.members import ABORT_SECONDS, ClusterSlots
from curate.cluster.room import Ticket
from curate.cluster.slots import SlotExecutor, ThreadSlots
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.context import open_backend
from curate.environments.task_instance import prepare_instance
from curate.environments.worker_room import WorkerRoom, make_room, order_room
from curate.harness.grade import Grade, grade_patch
from curate.store import Store

PURPOSE = "grading"


class EvaluationCancelledError(Exception):
    """The user asked to stop."""


class Graders(Protocol):
    """Grades patches in the slots of an executor."""

    @property
    def executor(self) -> SlotExecutor:
        """Where patches are graded; it is shut down by `close`."""
        ...

    def submit(self, worker: str, task: Task, patch: bytes) -> "Future[Grade]":
        """Grade *patch* on *worker*."""
        ...

    def abort(self) -> None:
        """End all runs; may be called more than once."""
        ...


class ThreadGraders:
    """Threads, with one sandbox; what a killed process left there is removed at first."""

    def __init__(self, settings: Settings, store: Store, sandbox: str, jobs: int) -> None:
        self.executor = ThreadSlots(jobs)
        self._stop_event = threading.Event()
        self._backend = open_backend(sandbox, settings, store, PURPOSE)
        self._backend.cleanup()

    def submit(self, worker: str, task: Task, patch: bytes) -> "Future[Grade]":
        """Grade *patch* in a thread."""
        return self.executor.submit_to(
            worker, _grade, task, patch, self._backend, self._check_cancelled
        )

    def abort(self) -> None:
        """End all runs; one may have been about to begin."""
        self._stop_event.set()
        with suppress(BuilderError):
            self._backend.abort_all()

    def _check_cancelled(self) -> None:
        if self._stop_event.is_set():
            raise EvaluationCancelledError


class ClusterGraders:
    """Workers of a cluster, each with a sandbox of its own."""

    def __init__(self, settings: Settings, sandbox: str, cluster: str, jobs: int) -> None:
        order = order_room(settings, sandbox, purpose=PURPOSE, is_here=cluster == LOCAL)
        ticket = Ticket(owner=f"{settings.run_owner}-{PURPOSE}", run=secrets.token_hex(8))
        allow_clean_exit(ABORT_SECONDS)
        self.executor = ClusterSlots(
            open_cluster(cluster, jobs), ticket, make_room, order, max_slots=jobs
        )
        self.abort = self.executor.abort

    def submit(self, worker: str, task: Task, patch: bytes) -> "Future[Grade]":
        """Grade *patch* on *worker*."""
        return self.executor.submit_to(worker, grade_in_room, task, patch)


def grade_in_room(room: WorkerRoom, task: Task, patch: bytes) -> Grade:
    """Grade *patch* on a worker."""
    return _grade(task, patch, room.backend, room.check_cancelled)


def _grade(
    task: Task, patch: bytes, backend: Backend, check_cancelled: Callable[[], None]
) -> Grade:
    check_cancelled()
    try:
        built = prepare_instance(task, backend)
        return grade_patch(task, built, patch, backend, check_cancelled)
    finally:
        backend.release_instance(task.instance_id)
