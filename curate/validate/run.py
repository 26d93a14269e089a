"""Set up a validation from settings: backend, lock on the data directory, workers."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from curate.builders.process.interrupt import on_forced_exit
from curate.builders.python.choose import available_pythons
from curate.core.settings import Settings
from curate.environments.context import ValidationContext, ValidationOptions, open_backend
from curate.environments.observer import BatchObserver
from curate.git.locations import require_mirror
from curate.store import Store
from curate.store.process_lock import VALIDATION, process_lock
from curate.validate.control import RunControl
from curate.validate.pool import ValidationSummary, ValidationTask, validate_tasks

__all__ = ["RunControl", "run_validation", "stop_at"]

log = logging.getLogger(__name__)


def run_validation(
    tasks: Sequence[ValidationTask],
    options: ValidationOptions,
    store: Store,
    settings: Settings,
    control: RunControl,
) -> ValidationSummary:
    """Validate *tasks* and store all results.

    Raises LockedError if another process validates in the same data directory,
    EngineUnavailableError if no container engine responds, ClusterError for a cluster.
    """
    if not tasks:
        return ValidationSummary()
    if control.cluster:
        return _run_on_cluster(tasks, options, store, settings, control)
    backend = open_backend(options.backend, settings, store)
    with (
        process_lock(settings.data_dir, VALIDATION),
        ThreadPoolExecutor(control.jobs) as run_executor,
    ):
        backend.cleanup()
        if control.retry_rejected:
            store.forget_failed_builds()
        ctx = ValidationContext(
            store=store,
            backend=backend,
            settings=settings.build_settings(),
            python_versions=available_pythons(settings.python_install_dir),
            get_mirror=lambda name: require_mirror(settings, name),
            stop_event=control.stop_event,
            report_step=partial(_report_step, control.observer),
            run_executor=run_executor,
        )
        on_forced_exit(ctx.abort_event.set)
        summary = validate_tasks(
            tasks, options, ctx, jobs=control.jobs, on_done=control.observer.on_done
        )
    if backend.bytes_over_limit:
        log.warning(
            "images exceed image_disk_limit_gib by %.1f GiB, and none of them may be evicted;"
            " see: curate images prune --dry-run",
            backend.bytes_over_limit / 2**30,
        )
    return summary


def _run_on_cluster(
    tasks: Sequence[ValidationTask],
    options: ValidationOptions,
    store: Store,
    settings: Settings,
    control: RunControl,
) -> ValidationSummary:
    from curate.validate.cluster_run import validate_on_cluster

    with process_lock(settings.data_dir, VALIDATION):
        if control.retry_rejected:
            store.forget_failed_builds()
        return validate_on_cluster(tasks, options, store, settings, control)


def _report_step(observer: BatchObserver, instance_id: str, step: str) -> None:
    log.debug("%s: %s", instance_id, step)
    observer.on_step(instance_id, step)


@contextmanager
def stop_at(deadline: float | None) -> Iterator[threading.Event]:
    """Yield an event that is set at *deadline*, if that is before the end of the block.

    *deadline* is in the time of `time.monotonic`; None = no limit.
    """
    event = threading.Event()
    if deadline is None:
        yield event
        return
    timer = threading.Timer(max(deadline - time.monotonic(), 0), event.set)
    timer.start()
    try:
        yield event
    finally:
        timer.cancel()
