"""Crawl and validate several repositories within a time limit, as in a nightly job."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from curate.builders.errors import DiskFullError, EngineUnavailableError
from curate.core.errors import UnexpectedError, describe_error
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.process_lock import LockedError
from curate.validate.pool import pending_tasks
from curate.validate.run import RunControl, run_validation, stop_at
from curate.workflows.drafting import SavedDraft, draft_missing_recipes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RebuildOptions:
    """The user's options for a rebuild."""

    validation: ValidationOptions = field(default_factory=ValidationOptions)
    control: RunControl = field(default_factory=RunControl)
    deadline: float | None = None  # in the time of `time.monotonic`; None = no limit
    on_drafted: Callable[[SavedDraft], None] = lambda draft: None  # a repository had no recipe


@dataclass(frozen=True, kw_only=True)
class RepositoryProblem:
    """Why a repository could not be rebuilt, for the user."""

    message: str
    hint: str = ""
    exit_code: int = 1


@dataclass(frozen=True, kw_only=True)
class RepositoryResult:
    """What a rebuild did for one repository, and what it left to the next call."""

    repo: str
    attempted: int = 0
    verified: int = 0
    rejected: int = 0
    up_to_date: int = 0
    left: int | None = None  # candidates without a verdict; None = unknown, as it was not crawled
    problem: RepositoryProblem | None = None


def rebuild_repositories(
    repos: Sequence[str],
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: RebuildOptions,
    crawl: Callable[[str], object],
) -> list[RepositoryResult]:
    """Crawl and validate each of *repos*; return what was done, in the same order.

    A repository without a recipe gets a draft, which is saved for the next call.

    Each repository gets an equal share of the time left until the deadline; after its share no
    new test run starts. An unavailable engine, a full disk, another process that does the same
    work or a bug in curate ends the call.
    """
    results = []
    for index, repo in enumerate(repos):
        deadline = _share_of_time(options.deadline, len(repos) - index)
        if deadline is not None and deadline <= time.monotonic():
            log.info("%s: time limit reached, skipped until the next call", repo)
            results.append(RepositoryResult(repo=repo))
            continue
        try:
            crawl(repo)
            drafted = _draft_recipe(repo, store, settings, library, options)
            if drafted and drafted.needs_crawl:
                crawl(repo)  # asks GitHub only for what is new, and decides by the draft
            results.append(_validate_repository(repo, store, settings, library, options, deadline))
        except (EngineUnavailableError, DiskFullError, LockedError):
            raise
        except Exception as error:
            unexpected = UnexpectedError(error)
            message, hint, code = describe_error(error) or (str(unexpected), unexpected.hint, 1)
            log.error("ERROR %s: %s", repo, message)
            log.debug("%s: the traceback", repo, exc_info=error)
            problem = RepositoryProblem(message=message, hint=hint, exit_code=code)
            results.append(RepositoryResult(repo=repo, problem=problem))
    return results


def _draft_recipe(
    repo: str, store: Store, settings: Settings, library: RecipeLibrary, options: RebuildOptions
) -> SavedDraft | None:
    """Save a draft if *repo* has candidates and no recipe."""
    if not store.candidate_numbers(repo):
        return None
    drafts = draft_missing_recipes([repo], store, settings, library, settings.drafted_recipes_dir)
    for draft in drafts:
        options.on_drafted(draft)
    return drafts[0] if drafts else None


def _validate_repository(
    repo: str,
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: RebuildOptions,
    deadline: float | None,
) -> RepositoryResult:
    """Validate what is pending until *deadline*; an infrastructure error is the first problem."""
    tasks, up_to_date = pending_tasks(store, library, options.validation, ids=(), repo=repo)
    log.info("%s: %s to validate, %s up to date", repo, f"{len(tasks):,}", up_to_date)
    with stop_at(deadline) as stop_event:
        control = replace(options.control, stop_event=stop_event)
        summary = run_validation(tasks, options.validation, store, settings, control)
    problem = None
    if summary.infra_failures:
        name, error = next(iter(summary.infra_failures.items()))
        count = f"infrastructure errors on {len(summary.infra_failures):,} candidates"
        message = f"{count}, the first {name}: {error}"
        problem = RepositoryProblem(message=message, hint=error.hint, exit_code=3)
    return RepositoryResult(
        repo=repo,
        attempted=summary.attempted,
        verified=summary.verified,
        rejected=summary.attempted - summary.verified,
        up_to_date=up_to_date,
        left=len(tasks) - summary.attempted,
        problem=problem,
    )


def _share_of_time(deadline: float | None, repositories: int) -> float | None:
    """End of the first of *repositories* equal shares of the time left; None without a deadline."""
    now = time.monotonic()
    return None if deadline is None else now + (deadline - now) / repositories
