"""Validation on the workers of a cluster; only this process writes to the store."""

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from curate.builders.errors import BuilderError
from curate.builders.process.interrupt import allow_clean_exit
from curate.builders.python.choose import available_pythons
from curate.cluster.bounded import BoundedWork, run_bounded
from curate.cluster.connect import LOCAL, open_cluster
from curate.cluster.groups import GroupJob, GroupSource
from curate.cluster.members import ABORT_SECONDS, ClusterSlots
from curate.cluster.room import Ticket
from curate.core.errors import CurateError
from curate.core.model import Candidate, Validation
from curate.core.settings import Settings
from curate.environments.claiming_backend import can_share_layers
from curate.environments.context import ValidationOptions
from curate.environments.environment_groups import EnvironmentGroups
from curate.environments.group_rows import GroupRows
from curate.environments.image_push import push_instance_image
from curate.environments.mirror_sharing import MirrorSharing, SharedMirrors
from curate.environments.worker_room import (
    WorkerRoom,
    make_room,
    order_room,
    save_rows,
    share_known_rows,
)
from curate.git.locations import require_mirror
from curate.recipes import Recipe, RecipeError
from curate.store import Store
from curate.store.shared_rows import SharedRows
from curate.validate.attempts import validate_candidate
from curate.validate.control import RunControl
from curate.validate.pool import ValidationSummary, ValidationTask, collect_result


@dataclass(frozen=True, kw_only=True)
class ValidationJob:
    """What a worker needs to validate one candidate."""

    candidate: Candidate
    recipe: Recipe
    options: ValidationOptions
    mirrors: SharedMirrors
    rows: SharedRows  # that others of its group have made
    registry: str = ""  # to which its image is pushed; "" = to none


@dataclass(frozen=True, kw_only=True)
class ValidationReply:
    """The record of a candidate, and the rows that it was made with."""

    validation: Validation
    rows: SharedRows
    pushed: str = ""  # reference by digest of its image in the registry


@dataclass(frozen=True, kw_only=True)
class _Item:
    """A task that waits: small, as there may be many."""

    index: int
    name: str
    repo: str
    mirrors: SharedMirrors = field(default_factory=dict)
    error: Exception | None = None  # why it cannot be validated anywhere

    def __str__(self) -> str:
        return self.name


@dataclass(kw_only=True)
class _Run:
    """The driver's part of a call."""

    tasks: Sequence[ValidationTask]
    options: ValidationOptions
    store: Store
    control: RunControl
    workers: ClusterSlots
    rows: GroupRows
    summary: ValidationSummary = field(default_factory=ValidationSummary)

    def submit(self, worker: str, job: GroupJob[_Item]) -> "Future[ValidationReply]":
        """Send the candidate of *job* to *worker*."""
        try:
            if job.item.error:
                raise job.item.error
            task = self.tasks[job.item.index]
            assert not isinstance(task.recipe, RecipeError)
        except Exception as error:
            failed: Future[ValidationReply] = Future()
            failed.set_exception(error)
            return failed
        self.control.observer.on_step(job.item.name, f"on worker {worker}")
        order = ValidationJob(
            candidate=task.candidate,
            recipe=task.recipe,
            options=self.options,
            mirrors=job.item.mirrors,
            rows=self.rows.take(job.group, worker),
            registry=self.control.registry,
        )
        return self.workers.submit_to(worker, validate_in_room, order)

    def collect(self, job: GroupJob[_Item], future: "Future[ValidationReply]") -> None:
        """Store what *future* brings; of a candidate that was validated twice, one comes here."""

        def get_result() -> Validation:
            reply = future.result()
            save_rows(self.store, reply.rows)
            self.rows.note(job.group, reply.rows)
            self._note_pushed(reply)
            return reply.validation

        on_done = self.control.observer.on_done
        collect_result(
            get_result, (job.item.name, job.item.repo), self.store, self.summary, on_done
        )

    def _note_pushed(self, reply: ValidationReply) -> None:
        validation, environment = reply.validation, reply.validation.environment
        if reply.pushed and environment:
            place = (validation.instance_id, self.control.registry)
            self.store.save_pushed_image(*place, environment.digest, reply.pushed)


def validate_on_cluster(
    tasks: Sequence[ValidationTask],
    options: ValidationOptions,
    store: Store,
    settings: Settings,
    control: RunControl,
) -> ValidationSummary:
    """Validate *tasks* on the workers of `control.cluster`, and store each as soon as it is done.

    Raises ClusterError if the scheduler does not respond or no worker can be used.
    """
    is_here = control.cluster == LOCAL
    known_rows = share_known_rows(settings, store)
    order = order_room(settings, options.backend, known_rows=known_rows, is_here=is_here)
    cluster = open_cluster(control.cluster, control.jobs)
    ticket = Ticket(owner=settings.run_owner, run=secrets.token_hex(8))
    allow_clean_exit(ABORT_SECONDS)
    with ClusterSlots(
        cluster,
        ticket,
        make_room,
        order,
        max_slots=control.jobs,
        is_stopped=control.stop_event.is_set,
    ) as workers:
        run = _Run(
            tasks=tasks,
            options=options,
            store=store,
            control=control,
            workers=workers,
            rows=GroupRows(store),
        )
        sharing = MirrorSharing(settings, is_needed=not is_here)
        source = GroupSource(
            _iter_jobs(tasks, settings, sharing),
            workers.list_slots,
            can_share=cluster.shares_builds or can_share_layers(settings, options.backend),
            is_stopped=control.stop_event.is_set,
        )
        work = BoundedWork(submit=run.submit, collect=run.collect, abort=workers.abort)
        run_bounded(workers, source, work)
    return run.summary


def validate_in_room(room: WorkerRoom, job: ValidationJob) -> ValidationReply:
    """Validate a candidate on a worker."""
    room.check_cancelled()
    room.mirrors.update(job.mirrors)
    with room.open_store() as store:
        save_rows(store, job.rows)
        validation = validate_candidate(
            job.candidate, job.recipe, job.options, room.make_context(store)
        )
        logs = (*(run.log for run in validation.runs), *validation.attempt_logs)
        rows, environment, pushed = store.used_rows(logs), validation.environment, ""
        if job.registry and validation.is_verified and environment:
            name = validation.instance_id
            pushed = push_instance_image(room.backend, name, environment, job.registry)
        return ValidationReply(validation=validation, rows=rows, pushed=pushed)


def _iter_jobs(
    tasks: Sequence[ValidationTask], settings: Settings, sharing: MirrorSharing
) -> Iterator[GroupJob[_Item]]:
    """Yield the tasks with their groups; their mirrors are shared by then."""
    groups = EnvironmentGroups(available_pythons(settings.python_install_dir))
    for index, task in enumerate(tasks):
        candidate = task.candidate
        item = _Item(index=index, name=candidate.instance_id, repo=candidate.repo)
        group = candidate.repo
        try:
            if isinstance(task.recipe, RecipeError):
                raise task.recipe
            mirror = require_mirror(settings, candidate.repo)
            item = replace(item, mirrors=sharing.share(candidate, task.recipe, mirror))
            group = groups.find_group(candidate, task.recipe, mirror)
        except (BuilderError, CurateError, RecipeError) as error:
            item = replace(item, error=error)
        yield GroupJob(group=group, item=item)
