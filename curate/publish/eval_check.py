"""Check before publishing: `eval_script`, run in the image as clients run it.

Validation runs tests in a sandbox of its own. Here the published script runs as SWE-bench's harness
runs it, once with the gold patch, which must resolve the instance, and once without a patch, when
no FAIL_TO_PASS test may pass. The script's exit status, by which other clients go, must say the
same. A result is stored under the image and everything else that decides it, and is computed once.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from curate.builders.errors import (
    BuilderError,
    DiskFullError,
    EngineUnavailableError,
    SandboxError,
)
from curate.builders.process.interrupt import on_forced_exit
from curate.cluster.bounded import BoundedWork, IteratorSource, run_bounded
from curate.cluster.slots import ThreadSlots
from curate.core.settings import Settings
from curate.harness.grading import as_client_runs_it, find_fixed, find_unresolved, read_statuses
from curate.publish.eval_results import compute_check_key
from curate.releases.row import Row, get_list, get_str
from curate.releases.table import RowTable
from curate.store import EvalCheckKey, Store
from curate.store.process_lock import EVALUATION, process_lock

if TYPE_CHECKING:
    import docker

log = logging.getLogger(__name__)

EVAL_SECONDS = 1800.0  # time limit of one run, the default of SWE-bench's harness
_MAX_LISTED = 3  # tests that a problem names

FindReference = Callable[[str], str]
"""instance id -> reference of its image in a registry, "" if it has none there"""


class CheckObserver(Protocol):
    """Receives the progress; called from one thread."""

    def on_start(self, total: int) -> None:
        """Called with the number of rows to check."""

    def on_step(self, instance_id: str, step: str) -> None:
        """Called when the check of a row begins."""

    def on_done(self) -> None:
        """Called when a row has a result, or cannot be checked."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """How rows are checked; no part of any result."""

    jobs: int = 1
    observer: CheckObserver
    find_reference: FindReference = lambda _: ""  # for images that are no longer on this machine


@dataclass(kw_only=True)
class CheckSummary:
    """Problems by instance id ("" = none), and why others have no result."""

    problems: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    up_to_date: int = 0  # results that were known

    @property
    def failed(self) -> Mapping[str, str]:
        """Problems of the instances that have one."""
        return {name: problem for name, problem in self.problems.items() if problem}

    def __str__(self) -> str:
        verified = len(self.problems) - len(self.failed)
        counts = f"{verified:,} as validated, {len(self.failed):,} not; {self.up_to_date:,} known"
        unchecked = f"; {len(self.unchecked):,} not checked" if self.unchecked else ""
        return f"evaluation in the image: {counts}{unchecked}"


def check_rows(
    rows: RowTable, store: Store, settings: Settings, options: CheckOptions
) -> CheckSummary:
    """Run what is not known of *rows*, store each result at once, and return all.

    *rows* reference images on this machine. An image that cannot be checked is told, and the next
    one is. Raises StoreError if another process checks in the same data directory,
    EngineUnavailableError, DiskFullError. KeyboardInterrupt ends all runs; the next call goes on.
    """
    summary = CheckSummary()
    todo = _note_known(rows, store, summary)
    if todo.ids:
        with process_lock(settings.data_dir, EVALUATION):
            _check_all(todo, store, settings, options, summary)
    return summary


def _note_known(rows: RowTable, store: Store, summary: CheckSummary) -> RowTable:
    """Note in *summary* what is known, or cannot be; return the other rows.

    Rows that are known to be as validated, mostly all of them, are not read as a whole.
    """
    unsure = []
    for row in rows.iter_columns(("instance_id", "image_digest", "eval_verified")):
        name = get_str(row, "instance_id")
        if row["eval_verified"]:
            summary.problems[name] = ""
        elif get_str(row, "image_digest"):
            unsure.append(name)
        else:
            summary.unchecked[name] = "built by the local sandbox, without an image"
    known = store.eval_checks.load()
    for row in rows.select(unsure):
        if (key := compute_check_key(row)) in known:
            summary.problems[get_str(row, "instance_id")] = known[key]
    summary.up_to_date = len(summary.problems)
    return rows.select(name for name in unsure if name not in summary.problems)


def _check_all(
    todo: RowTable,
    store: Store,
    settings: Settings,
    options: CheckOptions,
    summary: CheckSummary,
) -> None:
    from curate.builders.engine.client import connect_to_engine
    from curate.builders.sandbox.docker import remove_containers
    from curate.builders.sandbox.remove import start_removal

    client = connect_to_engine(ping_timeout=settings.network_timeout)
    owner = f"{settings.run_owner}-eval"
    remove_containers(client, owner)  # of a killed process
    on_forced_exit(partial(start_removal, owner))
    options.observer.on_start(len(todo))
    stop_event = threading.Event()

    def submit(worker: str, row: Row) -> "Future[str]":
        name = get_str(row, "instance_id")
        options.observer.on_step(name, "evaluation in the image")
        image, reference = compute_check_key(row)[0], options.find_reference(name)
        check = _Check(client, owner, stop_event, row, image, reference)
        return threads.submit_to(worker, check.find_problem)

    def collect(row: Row, future: "Future[str]") -> None:
        name, key = get_str(row, "instance_id"), compute_check_key(row)
        _collect(future, name, key, store, summary)
        options.observer.on_done()

    def abort() -> None:
        stop_event.set()
        with suppress(BuilderError):
            remove_containers(client, owner)

    with ThreadSlots(options.jobs) as threads:
        work = BoundedWork(submit=submit, collect=collect, abort=abort)
        run_bounded(threads, IteratorSource(todo), work)


def _collect(
    future: Future[str], name: str, key: EvalCheckKey, store: Store, summary: CheckSummary
) -> None:
    try:
        problem = future.result()
    except (EngineUnavailableError, DiskFullError):
        raise
    except BuilderError as error:
        summary.unchecked[name] = str(error)
        log.debug("%s: evaluation not checked: %s", name, error)
        return
    store.eval_checks.save(key, problem)
    summary.problems[name] = problem
    if problem:
        log.warning("FAILED %s: not evaluated as validated: %s", name, problem)
    else:
        log.info("%s: evaluated as validated", name)


@dataclass(frozen=True)
class _Check:
    """The check of one row, in a thread."""

    client: "docker.DockerClient"
    owner: str
    stop_event: threading.Event
    row: Row
    image: str  # id
    reference: str

    def find_problem(self) -> str:
        """Return why a client would not grade as validation did; "" if it would."""
        fail_to_pass = get_list(self.row, "FAIL_TO_PASS")
        with self._find_image() as image:
            gold = self._run(image, get_str(self.row, "patch").encode())
            if isinstance(gold, str):
                return f"gold patch: {gold}"
            statuses, code = gold
            if bad := find_unresolved(statuses, fail_to_pass, get_list(self.row, "PASS_TO_PASS")):
                return f"gold patch: {_list_some(bad)}"
            if code != 0:
                return f"gold patch: resolved, but eval_script ended with {code}"
            empty = self._run(image, b"")
        if isinstance(empty, str):
            return f"no patch: {empty}"
        statuses, code = empty
        if fixed := find_fixed(statuses, fail_to_pass):
            return f"no patch: passes {_list_some(fixed)}"
        return "no patch: eval_script ended with 0" if code == 0 else ""

    def _run(self, image: str, patch: bytes) -> tuple[dict[str, str], int | None] | str:
        """Return statuses by test id and the script's exit code, or why there are none."""
        from curate.builders.sandbox.client_run import ClientRunSpec, run_as_client

        if self.stop_event.is_set():
            raise SandboxError("interrupted")
        script = as_client_runs_it(get_str(self.row, "eval_script"))
        spec = ClientRunSpec(
            image=image, script=script, patch=patch, seconds=EVAL_SECONDS, owner=self.owner
        )
        result = run_as_client(self.client, spec)
        if not result.is_patched:
            return f"does not apply: {result.output.strip()[-200:]}"
        if result.timed_out:
            return f"not finished after {EVAL_SECONDS:g} s"
        statuses = read_statuses(result.output)
        if statuses is None:
            return f"no test results: {result.output.strip()[-200:]}"
        return statuses, result.exit_code

    @contextmanager
    def _find_image(self) -> Iterator[str]:
        """Yield the image on this machine; one that must be pulled is removed afterwards."""
        from curate.builders.engine.client import translate_engine_errors
        from curate.builders.engine.registry import pull_image
        from curate.builders.images.build import image_exists

        with translate_engine_errors():
            is_here = image_exists(self.client, self.image)
            if not is_here and not self.reference:
                raise SandboxError("its image is no longer on this machine")
            if not is_here:
                pull_image(self.client, self.reference)
        try:
            yield self.image if is_here else self.reference
        finally:
            if not is_here:
                with translate_engine_errors():
                    self.client.images.remove(self.reference)


def _list_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED:,} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
