"""Certification of many instances: in parallel, until a deadline, each result stored at once."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from curate.builders.backends.protocol import Backend
from curate.builders.engine.registry import RegistryUnavailableError
from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.certification.instance import InstanceRuns, certify_task, describe_machine
from curate.certification.known import drop_flaky_tests
from curate.certification.runner import (
    NoEnvironmentError,
    has_left_pulls,
    remove_left_pulls,
)
from curate.certification.sample import SAME_NIGHT
from curate.cluster.bounded import BoundedWork, IteratorSource, run_bounded
from curate.cluster.slots import ThreadSlots
from curate.core.certification import (
    Certification,
    CertificationResult,
    MachineFacts,
    certifications_of,
)
from curate.core.errors import describe_error, report_bug
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.batch_sandbox import BatchSandbox, BatchStoppedError
from curate.environments.context import describe_backend
from curate.environments.observer import BatchObserver, SilentObserver
from curate.environments.tasks import InvalidTask, TaskSource
from curate.store import Store
from curate.store.process_lock import process_lock

log = logging.getLogger(__name__)

PURPOSE = "certification"
MAX_UNAVAILABLE = 5  # instances in a row that an unavailable registry may fail
_CHUNK = 20  # tasks that are read at once


def _read_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class CertificationOptions:
    """How instances are certified."""

    sandbox: str = "docker"
    jobs: int = 1
    gold_runs: int = 3
    dataset: str = ""  # "" = curate's own instances, else the set whose rows these are
    registry: str = ""  # of the images of the store; "" = wherever they were pushed
    deadline: float | None = None  # in the time of `time.monotonic`; None = no limit
    rerun: bool = False  # certify again what was certified tonight
    observer: BatchObserver = field(default_factory=SilentObserver)
    now: Callable[[], datetime] = _read_clock


@dataclass(kw_only=True)
class CertificationSummary:
    """What a call found; infrastructure errors are no results, and the next call tries again."""

    results: dict[str, Certification] = field(default_factory=dict)  # tonight's, by instance id
    previous: dict[str, Certification] = field(default_factory=dict)  # the last good ones
    errors: dict[str, str] = field(default_factory=dict)  # infrastructure, by instance id
    invalid: dict[str, str] = field(default_factory=dict)  # rows that cannot be certified
    unbuilt: tuple[str, ...] = ()  # of the errors: neither a published image nor an environment
    unknown: tuple[str, ...] = ()  # ids that the dataset does not have
    left: tuple[str, ...] = ()  # not begun or not finished before the deadline
    known: int = 0  # of the results, made by an earlier call of this night

    def count(self) -> Mapping[str, int]:
        """Return the number of instances by what came out."""
        counted = Counter(str(one.result) for one in self.results.values())
        return {
            **{str(result): counted[str(result)] for result in CertificationResult},
            "infrastructure": len(self.errors),
            "invalid": len(self.invalid),
            "unknown": len(self.unknown),
            "left": len(self.left),
            "known": self.known,
        }


@dataclass(kw_only=True)
class _Run:
    """What the certifications of a call share."""

    store: Store
    settings: Settings
    options: CertificationOptions
    summary: CertificationSummary = field(default_factory=CertificationSummary)
    aliases: Mapping[str, str]
    pushed: Mapping[tuple[str, str], str]  # (instance id, image id) -> reference in the registry
    sandbox: BatchSandbox
    machine: MachineFacts | None = None
    unavailable: int = 0  # instances in a row

    def open(self) -> tuple[Backend, MachineFacts]:
        """Open the sandbox at the first instance, and remove what was left there."""
        backend = self.sandbox.open()
        if self.machine is None:
            remove_left_pulls(backend)
            self.machine = describe_machine(backend)
        return backend, self.machine

    @property
    def may_begin(self) -> bool:
        """Whether another instance may: not after the deadline, nor without a registry."""
        return not self.sandbox.is_over and self.unavailable < MAX_UNAVAILABLE


def certify_instances(
    ids: Sequence[str],
    source: TaskSource,
    store: Store,
    settings: Settings,
    options: CertificationOptions,
) -> CertificationSummary:
    """Certify the instances *ids* of *source* in this order, and return what was found.

    A result is stored as soon as it is known; what was certified this night is not repeated.
    After the deadline no run begins, and no instance after a registry has failed several times in
    a row. An error of the machine or the registry is no result. Raises LockedError if another
    process certifies in the same data directory, EngineUnavailableError and DiskFullError.
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
    run = _Run(
        store=store,
        settings=settings,
        options=options,
        sandbox=sandbox,
        aliases=store.image_ids_by_digest(),
        pushed=store.pushed_references(options.registry),
    )
    run.summary.unknown = tuple(name for name in dict.fromkeys(ids) if name not in known)
    with process_lock(settings.data_dir, PURPOSE):
        if has_left_pulls(describe_backend(options.sandbox, settings, store, PURPOSE)):
            run.open()
        _certify_all(run, _iter_pending(run, wanted, source))
    done = {*run.summary.results, *run.summary.errors, *run.summary.invalid}
    run.summary.left = tuple(name for name in wanted if name not in done)
    return run.summary


def _iter_pending(run: _Run, ids: Sequence[str], source: TaskSource) -> Iterator[Task]:
    """Yield what is to be certified, in the order of *ids*; note what is known, and no tasks."""
    size = max(_CHUNK, len(ids) // 10)  # a file of rows is read once for each chunk
    for start in range(0, len(ids), size):
        chunk = ids[start : start + size]
        tasks: dict[str, Task | InvalidTask] = {}
        for task in source.iter_tasks(chunk):
            if tasks.setdefault(task.instance_id, task) is not task:
                log.warning("%s occurs twice; its first row counts", task.instance_id)
        for name in chunk:
            found = tasks.get(name)
            if isinstance(found, InvalidTask):
                run.summary.invalid[name] = str(found.error)
                run.options.observer.on_done(name, "invalid")
                log.error("INVALID %s: %s", name, found.error)
            elif found is not None and not _is_known(run, found):
                yield _as_released(run, found)


def _is_known(run: _Run, task: Task) -> bool:
    """Whether *task* was certified this night; it is noted then."""
    options = run.options
    found = run.store.certifications.newest([task.instance_id], options.dataset)
    one = found.get(task.instance_id)
    if one is None or options.rerun or abs(options.now() - one.certified_at) >= SAME_NIGHT:
        return False
    if not options.dataset and not certifications_of(
        task.image_digest or task.image, [one], run.aliases
    ):
        return False
    run.summary.known += 1
    _note(run, one)
    return True


def _as_released(run: _Run, task: Task) -> Task:
    """Return *task* with its image in a registry, if it was pushed, and without flaky tests."""
    if run.options.dataset:  # graded by the lists of its row
        return task
    history = run.store.certifications.history(task.instance_id)
    image = task.image_digest or task.image
    task = drop_flaky_tests(task, certifications_of(image, history, run.aliases))
    reference = run.pushed.get((task.instance_id, task.image_digest), "")
    if "@" in task.image or not reference:
        return task
    return replace(task, image=reference, image_digest=reference.partition("@")[2])


def _certify_all(run: _Run, tasks: Iterator[Task]) -> None:
    """Certify *tasks*, at most `jobs` at once; Ctrl-C ends their runs."""

    def submit(worker: str, task: Task) -> "Future[tuple[Certification, bytes]]":
        backend, machine = run.open()
        runs = _make_runs(run, task)
        return threads.submit_to(worker, certify_task, task, backend, machine, runs)

    with ThreadSlots(run.options.jobs) as threads:
        source = IteratorSource(tasks, is_stopped=lambda: not run.may_begin)
        work = BoundedWork(submit=submit, collect=partial(_collect, run), abort=run.sandbox.abort)
        run_bounded(threads, source, work)


def _make_runs(run: _Run, task: Task) -> InstanceRuns:
    def report_step(step: str) -> None:
        run.options.observer.on_step(task.instance_id, step)

    return InstanceRuns(
        gold_runs=run.options.gold_runs,
        check_cancelled=run.sandbox.check_stopped,
        report_step=report_step,
        now=run.options.now,
    )


def _collect(run: _Run, task: Task, future: "Future[tuple[Certification, bytes]]") -> None:
    """Store the result of *task*; raise what concerns all instances."""
    name = task.instance_id
    try:
        one, output = future.result()
    except BatchStoppedError:
        return
    except (EngineUnavailableError, DiskFullError):
        raise
    except BuilderError as error:
        is_registry = isinstance(error, RegistryUnavailableError)
        run.unavailable = run.unavailable + 1 if is_registry else 0
        text = f"{error} {error.hint}".strip()
        if isinstance(error, NoEnvironmentError):  # one may be built, and the row tried again
            run.summary.unbuilt = (*run.summary.unbuilt, name)
            run.summary.errors[name] = text
            log.info("%s: %s", name, text)
            return
        _note_error(run, name, text)
    except Exception as error:
        if describe_error(error) is not None:
            raise
        _note_error(run, name, str(report_bug(error, name)))
    else:
        run.unavailable = 0
        log_key = run.store.blobs.put(output) if output else ""
        one = replace(one, dataset=run.options.dataset, log=log_key)
        if one.is_pulled or one.result is CertificationResult.IMAGE_MISSING:
            # before the result, which alone keeps this instance from being looked at again
            run.store.mark_pushed_image(one.reference, is_gone=not one.is_pulled)
        run.store.certifications.save(one)
        _note(run, one)


def _note(run: _Run, one: Certification) -> None:
    run.summary.results[one.instance_id] = one
    if not one.is_good:
        good = run.store.certifications.newest_good(one.instance_id, run.options.dataset)
        if good:
            run.summary.previous[one.instance_id] = good
    detail = f": {one.detail}" if one.detail else ""
    log.info("%s %s%s", str(one.result).upper(), one.instance_id, detail)
    run.options.observer.on_done(one.instance_id, str(one.result))


def _note_error(run: _Run, name: str, error: str) -> None:
    run.summary.errors[name] = error
    log.error("ERROR %s: %s", name, error)
    run.options.observer.on_done(name, "error")
