"""Validation of many candidates: pending tasks, a thread pool, one writer to the store."""

import errno
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import overload

from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.cluster.bounded import BoundedWork, IteratorSource, run_bounded
from curate.cluster.slots import ThreadSlots
from curate.core.errors import (
    CurateError,
    NotFoundError,
    StoreError,
    UnexpectedError,
    describe_error,
)
from curate.core.model import Candidate, Validation
from curate.core.near_words import suggest_word
from curate.environments.context import (
    ValidationCancelledError,
    ValidationContext,
    ValidationOptions,
)
from curate.recipes import Recipe, RecipeError, RecipeLibrary
from curate.store import Store
from curate.store.unknown_ids import explain_unknown_id
from curate.validate.attempts import hash_inputs, list_shared_inputs, validate_candidate

log = logging.getLogger(__name__)

InfrastructureFailure = BuilderError | CurateError | RecipeError

OnDone = Callable[[str, str], None]
"""Called with an instance id and "verified", "stage/reason" or "error"."""


@dataclass(frozen=True, kw_only=True)
class ValidationTask:
    """A candidate without a validation for its current inputs."""

    candidate: Candidate
    recipe: Recipe | RecipeError  # the error of a recipe that cannot be read


@dataclass(frozen=True, kw_only=True)
class PendingTasks(Sequence[ValidationTask]):
    """Tasks of which only the ids are in memory; each candidate is read when it is needed."""

    store: Store
    recipes: Mapping[str, Recipe | RecipeError]  # by repository
    ids: Sequence[str]
    repos: Sequence[str]  # of each id

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> ValidationTask: ...

    @overload
    def __getitem__(self, index: slice) -> "PendingTasks": ...

    def __getitem__(self, index: int | slice) -> "ValidationTask | PendingTasks":
        if isinstance(index, slice):
            return replace(self, ids=self.ids[index], repos=self.repos[index])
        candidate = self.store.get_candidate(self.ids[index])
        if candidate is None:  # a crawl in another process has just rejected it
            raise NotFoundError(f"{self.ids[index]} is no candidate any more.")
        return ValidationTask(candidate=candidate, recipe=self.recipes[candidate.repo])

    def keep_only(self, ids: Iterable[str]) -> "PendingTasks":
        """Return those of the tasks that *ids* names, in the same order."""
        wanted = frozenset(ids)
        kept = [index for index, name in enumerate(self.ids) if name in wanted]
        return replace(
            self, ids=[self.ids[it] for it in kept], repos=[self.repos[it] for it in kept]
        )


@dataclass(kw_only=True)
class ValidationSummary:
    """Counts of one call; `infra_failures` has infrastructure errors by instance id."""

    attempted: int = 0
    verified: int = 0
    up_to_date: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    infra_failures: dict[str, InfrastructureFailure] = field(default_factory=dict)
    messages: set[str] = field(default_factory=set)  # of infrastructure errors


def pending_tasks(
    store: Store,
    library: RecipeLibrary,
    options: ValidationOptions,
    *,
    ids: Sequence[str],
    repo: str | None,
    retry_rejected: bool = False,
) -> tuple[PendingTasks, int]:
    """Return pending tasks ordered by date, and the number of up-to-date candidates.

    Oldest first, so that those that share an environment are near each other. *retry_rejected*
    includes candidates that were rejected with the same inputs. Raises NotFoundError for an unknown
    id and for a repository that has not been crawled, RecipeError if a recipe folder is missing.
    """
    library.list_paths()  # a missing folder concerns all repositories
    known_hashes = store.validated_inputs(rejected=not retry_rejected)
    recipes: dict[str, Recipe | RecipeError] = {}
    shared: dict[tuple[str, str], tuple[object, ...]] = {}
    total, pending = 0, list[tuple[datetime, str, str]]()
    chosen = _require_ids(store, ids) if ids else None
    for candidate, patch_hashes in store.iter_candidate_heads(repo, ids=chosen):
        total, name = total + 1, candidate.instance_id
        if candidate.repo not in recipes:
            recipes[candidate.repo] = _read_recipe(library, candidate.repo)
        recipe, key = recipes[candidate.repo], (candidate.repo, candidate.version)
        if name in known_hashes and not isinstance(recipe, RecipeError):
            if key not in shared:
                shared[key] = list_shared_inputs(candidate.version, recipe, options)
            if known_hashes[name] == hash_inputs(candidate, patch_hashes, shared[key]):
                continue
        pending.append((candidate.created_at, name, candidate.repo))
    if repo and not total and repo not in store.list_repositories():
        hint = f"{suggest_word(repo, store.list_repositories())} Run: curate crawl {repo}".strip()
        raise NotFoundError(f"{repo} has not been crawled.", hint=hint)
    pending.sort()
    tasks = PendingTasks(
        store=store,
        recipes=recipes,
        ids=[name for _, name, _ in pending],
        repos=[repo for _, _, repo in pending],
    )
    return tasks, total - len(tasks)


def _read_recipe(library: RecipeLibrary, repo: str) -> Recipe | RecipeError:
    """Return the recipe of *repo*, or why it cannot be read; other repositories need not wait."""
    try:
        return library.get_recipe(repo)
    except RecipeError as error:
        return error


def validate_tasks(
    tasks: Iterable[ValidationTask],
    options: ValidationOptions,
    ctx: ValidationContext,
    *,
    jobs: int = 1,
    on_done: OnDone = lambda name, result: None,
) -> ValidationSummary:
    """Run *tasks* on *jobs* threads and store each validation as soon as it is done.

    Whatever goes wrong on one candidate is recorded as an infrastructure error of it, and the next
    one is started. An unavailable engine, a full disk or a store error ends the call. While
    `ctx.stop_event` is set no new run starts; KeyboardInterrupt also aborts the active ones.
    """
    summary = ValidationSummary()

    def collect(task: ValidationTask, future: "Future[Validation]") -> None:
        names = task.candidate.instance_id, task.candidate.repo
        collect_result(future.result, names, ctx.store, summary, on_done)

    def abort() -> None:
        ctx.stop_event.set()
        ctx.abort_event.set()
        with suppress(BuilderError):
            ctx.backend.abort_all()

    with ThreadSlots(jobs) as threads:
        source = IteratorSource(tasks, is_stopped=ctx.stop_event.is_set)
        work = BoundedWork(
            submit=lambda worker, task: threads.submit_to(
                worker, _validate_task, task, options, ctx
            ),
            collect=collect,
            abort=abort,
        )
        run_bounded(threads, source, work)
    return summary


def _validate_task(
    task: ValidationTask, options: ValidationOptions, ctx: ValidationContext
) -> Validation:
    if isinstance(task.recipe, RecipeError):
        raise task.recipe
    return validate_candidate(task.candidate, task.recipe, options, ctx)


def collect_result(
    get_result: Callable[[], Validation],
    names: tuple[str, str],
    store: Store,
    summary: ValidationSummary,
    on_done: OnDone,
) -> None:
    """Store the validation of a candidate and count it in *summary*; raise what concerns all.

    *names* are its instance id and its repository.
    """
    name, repo = names
    try:
        validation = get_result()
        store.save_validation(repo, validation)
    except ValidationCancelledError:
        return
    except Exception as error:
        if _concerns_all(error):
            raise
        _record_failure(summary, name, error)
        on_done(name, "error")
        return
    summary.attempted += 1
    rejection = validation.verdict.rejection
    result = f"{rejection.stage}/{rejection.reason}" if rejection else "verified"
    summary.reasons[result] += 1
    summary.verified += rejection is None
    _log_verdict(validation)
    on_done(name, result)


def _concerns_all(error: Exception) -> bool:
    """Whether *error* would befall every other candidate as well."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOSPC
    return isinstance(error, EngineUnavailableError | DiskFullError | StoreError)


def _record_failure(summary: ValidationSummary, name: str, error: Exception) -> None:
    """Record the infrastructure error of one candidate; equal messages are shown only once."""
    failure = error if isinstance(error, InfrastructureFailure) else UnexpectedError(error)
    message = f"{failure} {failure.hint}".rstrip()
    level = logging.DEBUG if message in summary.messages else logging.ERROR
    log.log(level, "ERROR %s: infrastructure error; will be retried: %s", name, message)
    if describe_error(error) is None:
        log.debug("%s: the traceback", name, exc_info=error)
    summary.messages.add(message)
    summary.infra_failures[name] = failure


def _log_verdict(validation: Validation) -> None:
    verdict = validation.verdict
    if rejection := verdict.rejection:
        log.info("REJECTED %s: %s/%s", validation.instance_id, rejection.stage, rejection.reason)
        log.debug("%s: %s", validation.instance_id, rejection.detail or "no detail")
        return
    log.info(
        "VERIFIED %s: %s FAIL_TO_PASS, %s PASS_TO_PASS",
        validation.instance_id,
        f"{len(verdict.fail_to_pass):,}",
        f"{len(verdict.pass_to_pass):,}",
    )


def candidates_by_id(store: Store, ids: Sequence[str]) -> list[Candidate]:
    """Return the candidates with the given *ids*, each once; raises NotFoundError for others."""
    return list(store.iter_candidates(ids=_require_ids(store, ids)))


def _require_ids(store: Store, ids: Sequence[str]) -> list[str]:
    """Return *ids*, each once; raises NotFoundError for those that are no candidates."""
    unique_ids = list(dict.fromkeys(ids))
    missing_ids = sorted({*unique_ids} - {*store.candidate_hashes()}, key=unique_ids.index)
    if missing_ids:
        raise explain_unknown_id(store, missing_ids[0])
    return unique_ids
