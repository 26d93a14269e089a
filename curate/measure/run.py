"""Measure many instances: in parallel, until a deadline, each result stored at once."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from curate.builders.backends.protocol import Backend
from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.builders.git.tree import GitTree
from curate.cluster.bounded import BoundedWork, IteratorSource, run_bounded
from curate.cluster.slots import ThreadSlots
from curate.core.errors import CurateError, describe_error, report_bug
from curate.core.measurement import Measurement
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.batch_sandbox import BatchSandbox, BatchStoppedError
from curate.environments.observer import BatchObserver, SilentObserver
from curate.environments.recipe_values import make_classifier
from curate.environments.task_instance import prepare_instance
from curate.environments.tasks import InvalidTask, TaskSource
from curate.git.locations import require_mirror
from curate.measure.context import MeasuringContext
from curate.measure.instance import hash_inputs, measure_task
from curate.measure.stored import find_measurement, save_measurement
from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.process_lock import process_lock

log = logging.getLogger(__name__)

PURPOSE = "measuring"

DEFAULT_MUTANTS = 10


@dataclass(frozen=True, kw_only=True)
class MeasuringOptions:
    """How instances are measured."""

    sandbox: str = "docker"
    jobs: int = 1
    max_mutants: int = DEFAULT_MUTANTS  # of an instance
    deadline: float | None = None  # in the time of `time.monotonic`; None = no limit
    rerun: bool = False  # measure again what was measured
    observer: BatchObserver = field(default_factory=SilentObserver)


@dataclass(kw_only=True)
class MeasuringSummary:
    """What a call found; errors are no results, and the next call tries again."""

    results: dict[str, Measurement] = field(default_factory=dict)  # by instance id
    errors: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()  # ids that the dataset does not have
    left: tuple[str, ...] = ()  # not begun or not finished before the deadline
    known: int = 0  # of the results, measured by an earlier call


@dataclass(kw_only=True)
class _Run:
    """What the measurements of a call share."""

    store: Store
    settings: Settings
    library: RecipeLibrary
    options: MeasuringOptions
    summary: MeasuringSummary = field(default_factory=MeasuringSummary)
    sandbox: BatchSandbox


def measure_instances(
    ids: Sequence[str],
    source: TaskSource,
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: MeasuringOptions,
) -> MeasuringSummary:
    """Measure the instances *ids* of *source* in this order.

    A result is stored as soon as it is known, and what is known of the same inputs is not measured
    again. An error of the machine is no result. Raises LockedError if another process measures in
    the same data directory, EngineUnavailableError and DiskFullError.
    """
    known = frozenset(source.ids)
    wanted = [name for name in dict.fromkeys(ids) if name in known]
    sandbox = BatchSandbox(
        kind=options.sandbox,
        settings=settings,
        store=store,
        purpose=PURPOSE,
        deadline=options.deadline,
    )
    run = _Run(store=store, settings=settings, library=library, options=options, sandbox=sandbox)
    run.summary.unknown = tuple(name for name in dict.fromkeys(ids) if name not in known)
    with process_lock(settings.data_dir, PURPOSE), ThreadSlots(options.jobs) as threads:
        pending = IteratorSource(
            _iter_pending(run, wanted, source), is_stopped=lambda: run.sandbox.is_over
        )
        submit = partial(_submit, run, threads)
        work = BoundedWork(submit=submit, collect=partial(_collect, run), abort=run.sandbox.abort)
        run_bounded(threads, pending, work)
    done = {*run.summary.results, *run.summary.errors}
    run.summary.left = tuple(name for name in wanted if name not in done)
    return run.summary


def _iter_pending(run: _Run, ids: Sequence[str], source: TaskSource) -> Iterator[Task]:
    """Yield the tasks that have no measurement; note those that have one, and rows without task."""
    for task in source.iter_tasks(ids):
        if isinstance(task, InvalidTask):
            _note_error(run, task.instance_id, str(task.error))
            continue
        found = find_measurement(
            run.store, task.instance_id, hash_inputs(task, run.options.max_mutants)
        )
        if found is None or run.options.rerun:
            yield task
            continue
        run.summary.known += 1
        _note(run, found)


def _submit(run: _Run, threads: ThreadSlots, worker: str, task: Task) -> "Future[Measurement]":
    return threads.submit_to(worker, _measure, run, run.sandbox.open(), task)


def _measure(run: _Run, backend: Backend, task: Task) -> Measurement:
    run.sandbox.check_stopped()
    is_source = make_classifier(run.library.get_recipe(task.repo)).is_source
    try:
        with GitTree(require_mirror(run.settings, task.repo), task.base_commit) as tree:
            ctx = MeasuringContext(
                backend=backend,
                read_old=tree.read,
                is_source=is_source,
                check_cancelled=run.sandbox.check_stopped,
                report_step=_make_reporter(run, task.instance_id),
                save_blob=run.store.blobs.put,
            )
            built = prepare_instance(task, backend)
            return measure_task(task, built, ctx, run.options.max_mutants)
    finally:
        backend.release_instance(task.instance_id)


def _make_reporter(run: _Run, name: str) -> Callable[[str], None]:
    return lambda step: run.options.observer.on_step(name, step)


def _collect(run: _Run, task: Task, future: "Future[Measurement]") -> None:
    """Store the result of *task*; raise what concerns all instances."""
    name = task.instance_id
    try:
        one = future.result()
    except BatchStoppedError:
        return
    except (EngineUnavailableError, DiskFullError):
        raise
    except (BuilderError, CurateError) as error:
        _note_error(run, name, f"{error} {error.hint}".strip())
    except Exception as error:
        if describe_error(error) is not None:
            raise
        _note_error(run, name, str(report_bug(error, name)))
    else:
        save_measurement(run.store, one)
        _note(run, one)


def _note(run: _Run, one: Measurement) -> None:
    run.summary.results[one.instance_id] = one
    run.options.observer.on_done(one.instance_id, "not measured" if one.problem else "measured")


def _note_error(run: _Run, name: str, error: str) -> None:
    run.summary.errors[name] = error
    log.error("ERROR %s: %s", name, error)
    run.options.observer.on_done(name, "error")
