"""Crawl and validate several repositories within a time limit, as in a nightly job."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from curate.builders.errors import DiskFullError, EngineUnavailableError
from curate.core.errors import UnexpectedError, describe_error
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.process_lock import LockedError
from curate.validate.pool import pending_tasks
from curate.validate.run import RunControl, run_validation

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RebuildOptions:
    """The user's options for a rebuild."""

    validation: ValidationOptions = field(default_factory=ValidationOptions)
    control: RunControl = field(default_factory=RunControl)
    deadline: float | None = None  # in the time of `time.monotonic`; None = no limit


def rebuild_repositories(
    repos: Sequence[str],
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: RebuildOptions,
    crawl: Callable[[str], object],
) -> dict[str, tuple[str, str]]:
    """Crawl and validate each of *repos*; return (message, hint) of failures by repository.

    Each repository gets an equal share of the time left until the deadline; after its share no
    new test run starts. An unavailable engine, a full disk, another process that does the same
    work or a bug in curate ends the call.
    """
    problems: dict[str, tuple[str, str]] = {}
    for index, repo in enumerate(repos):
        deadline = _share_of_time(options.deadline, len(repos) - index)
        if deadline is not None and deadline <= time.monotonic():
            log.info("%s: time limit reached, skipped until the next call", repo)
            continue
        try:
            crawl(repo)
            tasks, up_to_date = pending_tasks(store, library, options.validation, ids=(), repo=repo)
            log.info("%s: %s to validate, %s up to date", repo, f"{len(tasks):,}", up_to_date)
            with _stop_at(deadline) as stop_event:
                control = replace(options.control, stop_event=stop_event)
                run_validation(tasks, options.validation, store, settings, control)
        except (EngineUnavailableError, DiskFullError, LockedError):
            raise
        except Exception as error:
            problem = UnexpectedError(error)
            message, hint, _ = describe_error(error) or (str(problem), problem.hint, 1)
            log.error("ERROR %s: %s", repo, message)
            log.debug("%s: the traceback", repo, exc_info=error)
            problems[repo] = message, hint
    return problems


def _share_of_time(deadline: float | None, repositories: int) -> float | None:
    """End of the first of *repositories* equal shares of the time left; None without a deadline."""
    now = time.monotonic()
    return None if deadline is None else now + (deadline - now) / repositories


@contextmanager
def _stop_at(deadline: float | None) -> Iterator[threading.Event]:
    """Yield an event that is set at *deadline*, if that is before the end of the block."""
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
