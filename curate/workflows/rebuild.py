"""Crawl and validate several repositories within a time limit, as in a nightly job.

First all are crawled, in at most half of the time; then they are validated, those with the fewest
pending candidates first. Each gets an equal share of the time that is left, so what a small one
does not need goes to the larger ones behind it, and a huge one takes time from none.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from curate.builders.errors import DiskFullError, EngineUnavailableError
from curate.core.errors import NotFoundError
from curate.core.settings import Settings
from curate.core.shards import Shard
from curate.crawl.run import CrawlSummary
from curate.crawl.time_limit import CrawlStoppedError
from curate.environments.context import ValidationOptions
from curate.environments.manifest_keys import list_shard
from curate.git.locations import mirror_path, require_mirror
from curate.recipes import RecipeError, RecipeLibrary
from curate.store import Store
from curate.store.process_lock import LockedError
from curate.validate.pool import PendingTasks, pending_tasks
from curate.validate.run import RunControl, run_validation, stop_at
from curate.workflows.drafting import SavedDraft, draft_missing_recipes
from curate.workflows.night import NightTally, RepositoryResult
from curate.workflows.problem import Problem

log = logging.getLogger(__name__)


class Crawler(Protocol):
    """Crawls repositories, and counts what GitHub was asked for."""

    @property
    def cost(self) -> tuple[int, int]:
        """Requests and points spent so far."""

    def crawl(self, repo: str, deadline: float | None) -> CrawlSummary:
        """Crawl *repo* until *deadline*; raises CrawlStoppedError there."""

    def update_submodules(self, repo: str) -> None:
        """Clone or update the mirrors of the submodules of *repo*."""


@dataclass(frozen=True, kw_only=True)
class RebuildOptions:
    """The user's options for a rebuild."""

    validation: ValidationOptions = field(default_factory=ValidationOptions)
    control: RunControl = field(default_factory=RunControl)
    deadline: float | None = None  # in the time of `time.monotonic`; None = no limit
    shard: Shard | None = None  # only candidates of this part are validated
    shares_after: int = 0  # shares of the time that are kept for what follows
    on_drafted: Callable[[SavedDraft], None] = lambda draft: None  # a repository had no recipe


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """What the steps of a rebuild share."""

    store: Store
    settings: Settings
    library: RecipeLibrary
    options: RebuildOptions
    crawler: Crawler

    def crawl_all(self, repos: Sequence[str]) -> list[RepositoryResult]:
        """Crawl each of *repos*; return what was found, in the same order."""
        deadline, now = self.options.deadline, time.monotonic()
        half = None if deadline is None else now + max(deadline - now, 0) / 2
        results = []
        for index, repo in enumerate(repos):
            share = share_of_time(half, len(repos) - index)
            if share is not None and share <= time.monotonic():
                log.info("%s: time limit reached, not crawled until the next call", repo)
                results.append(RepositoryResult(repo=repo, is_cut_off=True))
            else:
                results.append(self._crawl(repo, share))
        return results

    def validate_all(self, results: Sequence[RepositoryResult]) -> list[RepositoryResult]:
        """Validate what is pending in the repositories of *results*; return them, completed.

        A repository whose crawl failed is validated as far as it is stored. What concerns all, such
        as an engine that is not available, is tried once; the others are left to the next call.
        """
        pending = [self._list_pending(result) for result in results]
        pending.sort(key=lambda it: len(it[0] or ()))
        done: dict[str, RepositoryResult] = {}
        ended_by: Problem | None = None
        for index, (tasks, result) in enumerate(pending):
            if tasks is None:
                done[result.repo] = result
                continue
            shares = len(pending) - index + self.options.shares_after
            deadline = share_of_time(self.options.deadline, shares)
            if ended_by and tasks:
                done[result.repo] = replace(result, problem=result.problem or ended_by)
                continue
            done[result.repo], ended_by = self._validate(tasks, result, deadline)
        return [done[result.repo] for result in results]

    def _crawl(self, repo: str, deadline: float | None) -> RepositoryResult:
        """Crawl *repo*; a failure is a problem of its result, unless it concerns all."""
        started, cost = time.monotonic(), self.crawler.cost
        size = _count_bytes(mirror_path(self.settings, repo))
        before, pulls = self.store.candidate_hashes(repo), self.store.count_pulls(repo)
        result = RepositoryResult(repo=repo)
        try:
            summary = self.crawler.crawl(repo, deadline)
            result = replace(result, pulls=summary.pulls, issues=summary.issues)
            self._draft_recipe(repo, deadline)
        except CrawlStoppedError:
            log.info("%s: time limit reached, the next call continues its crawl", repo)
            seen = self.store.count_pulls(repo) - pulls
            result = replace(result, is_cut_off=True, pulls=max(result.pulls, seen))
        except Exception as error:
            result = replace(result, problem=_report_problem(repo, error))
        after, spent = self.store.candidate_hashes(repo), self.crawler.cost
        kept = before.keys() & after.keys()
        return replace(
            result,
            requests=spent[0] - cost[0],
            points=spent[1] - cost[1],
            fetched_bytes=max(_count_bytes(mirror_path(self.settings, repo)) - size, 0),
            new_candidates=len(after.keys() - before.keys()),
            changed_candidates=sum(before[name] != after[name] for name in kept),
            removed_candidates=len(before.keys() - after.keys()),
            seconds=time.monotonic() - started,
        )

    def _draft_recipe(self, repo: str, deadline: float | None) -> None:
        """Save a draft if *repo* has candidates and no recipe; decide by it."""
        if not self.store.candidate_numbers(repo):
            return
        folder = self.settings.drafted_recipes_dir
        drafts = draft_missing_recipes([repo], self.store, self.settings, self.library, folder)
        for draft in drafts:
            self.options.on_drafted(draft)
            if draft.needs_crawl:
                self.crawler.crawl(repo, deadline)  # asks GitHub only for what is new

    def _list_pending(
        self, result: RepositoryResult
    ) -> tuple[PendingTasks | None, RepositoryResult]:
        """Return what is to be validated, and *result* with the counts.

        None if the repository was never crawled, or its recipe cannot be read. What this machine
        cannot place in a shard is a problem of the repository.
        """
        repo, problem = result.repo, result.problem
        if repo not in self.store.list_repositories() and not self.store.candidate_numbers(repo):
            return None, result
        options, shard = self.options.validation, self.options.shard
        tasks, up_to_date = pending_tasks(self.store, self.library, options, ids=(), repo=repo)
        if isinstance(tasks.recipes.get(repo), RecipeError):
            return None, result
        if shard:
            find_mirror = partial(require_mirror, self.settings)
            mine = list_shard(shard, self.store, self.library, find_mirror, repo=repo, ids=())
            tasks = tasks.keep_only(mine.ids)
            up_to_date = len(mine.ids) - len(tasks)
            try:
                mine.require_all()
            except NotFoundError as error:
                problem = problem or _report_problem(repo, error)
        counted = replace(result, up_to_date=up_to_date, left=len(tasks), problem=problem)
        return tasks, counted

    def _validate(
        self, tasks: PendingTasks, result: RepositoryResult, deadline: float | None
    ) -> tuple[RepositoryResult, Problem | None]:
        """Validate *tasks* until *deadline*; also return what would befall every other one.

        An infrastructure error is the first problem.
        """
        repo, started = result.repo, time.monotonic()
        count = f"{len(tasks):,}"
        log.info("%s: %s to validate, %s up to date", repo, count, result.up_to_date)
        tally = NightTally(self.store, self.options.control.observer)
        problem = ended_by = None
        try:
            if tasks:
                self.crawler.update_submodules(repo)
                problem = self._run(tasks, tally, deadline)
        except (EngineUnavailableError, DiskFullError, LockedError) as error:
            problem = ended_by = _report_problem(repo, error)
        except Exception as error:
            problem = _report_problem(repo, error)
        result = replace(result, **tally.fields(), problem=result.problem or problem)
        seconds = result.seconds + time.monotonic() - started
        left = len(tasks) - result.attempted
        return replace(result, left=left, seconds=seconds), ended_by

    def _run(
        self, tasks: PendingTasks, tally: NightTally, deadline: float | None
    ) -> Problem | None:
        """Validate *tasks*; return the first infrastructure error."""
        with stop_at(deadline) as stop_event:
            control = replace(self.options.control, stop_event=stop_event, observer=tally)
            options = self.options.validation
            summary = run_validation(tasks, options, self.store, self.settings, control)
        if not summary.infra_failures:
            return None
        name, error = next(iter(summary.infra_failures.items()))
        count = f"infrastructure errors on {len(summary.infra_failures):,} candidates"
        message = f"{count}, the first {name}: {error}"
        return Problem(message=message, hint=error.hint, exit_code=3)


def share_of_time(deadline: float | None, shares: int) -> float | None:
    """End of the first of equal *shares* of the time left; None without a deadline."""
    now = time.monotonic()
    return None if deadline is None else now + (deadline - now) / shares


def _report_problem(repo: str, error: Exception) -> Problem:
    problem = Problem.of(error)
    log.error("ERROR %s: %s", repo, problem.message)
    log.debug("%s: the traceback", repo, exc_info=error)
    return problem


def _count_bytes(mirror: Path) -> int:
    """Return the size of the objects of *mirror*; 0 if there is none. Takes milliseconds."""
    folder = mirror / "objects"
    return sum(path.stat().st_size for path in folder.glob("*/*") if path.is_file())
