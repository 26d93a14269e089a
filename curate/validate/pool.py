"""Validation of many candidates: what is still to do, a pool of trials, one writer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field

from builders.errors import BuilderError, DiskFull, EngineUnavailable
from curate.core.errors import CurateError, NotFound, StoreError
from curate.core.model import Candidate, Validation
from curate.environments.context import Interrupted, Options, Workshop
from curate.store import Store
from curate.validate.attempts import hold, inputs_hash
from recipes import Library, Recipe


@dataclass(frozen=True, kw_only=True)
class Task:
    """One candidate that has no validation for its present inputs."""

    candidate: Candidate
    recipe: Recipe


@dataclass(kw_only=True)
class Summary:
    """How a validation went. `broken` holds candidates on which the machine failed."""

    done: int = 0
    verified: int = 0
    known: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    broken: dict[str, BuilderError | CurateError] = field(default_factory=dict)


def plan(
    store: Store,
    library: Library,
    options: Options,
    *,
    ids: Sequence[str],
    repo: str | None,
    again: bool = False,
) -> tuple[list[Task], int]:
    """Tasks in order of date (older pulls share their locks with newer ones), and known ones.

    *again* does what was rejected once more, as a newer curate may build what an older could not.
    """
    wanted = chosen(store, ids) if ids else list(store.candidates(repo))
    if repo and not wanted and repo not in store.repositories():
        raise NotFound(f"Nothing of {repo} is stored.", hint=f"Run: curate crawl {repo}")
    known = store.validated_inputs(rejected=not again)
    recipes = {name: library.get(name) for name in {c.repo for c in wanted}}
    tasks = [
        Task(candidate=c, recipe=recipes[c.repo])
        for c in sorted(wanted, key=lambda c: (c.created_at, c.instance_id))
        if known.get(c.instance_id) != inputs_hash(c, recipes[c.repo], options)
    ]
    return tasks, len(wanted) - len(tasks)


def validate(
    tasks: Iterable[Task],
    options: Options,
    shop: Workshop,
    *,
    jobs: int = 1,
    done: Callable[[Validation | str], None] = lambda _: None,
) -> Summary:
    """Run *tasks* on *jobs* threads and store each verdict as it comes.

    A machine that fails on one candidate goes on with the next; an engine that is gone or a full
    disk ends the whole. A set `shop.stop` lets no new run begin; KeyboardInterrupt ends those under
    way, too.
    """
    summary = Summary()
    waiting = iter(tasks)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        running: dict[Future[Validation], Task] = {}
        try:
            while _fill(running, waiting, pool, options, shop, jobs):
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    _collect(future, running.pop(future), shop.store, summary, done)
        except BaseException:
            shop.stop.set()
            with suppress(BuilderError):
                shop.backend.abort()
            raise
    return summary


def _fill(
    running: dict[Future[Validation], Task],
    waiting: Iterable[Task],
    pool: ThreadPoolExecutor,
    options: Options,
    shop: Workshop,
    jobs: int,
) -> bool:
    while len(running) < jobs and not shop.stop.is_set():
        task = next(iter(waiting), None)
        if task is None:
            break
        running[pool.submit(hold, task.candidate, task.recipe, options, shop)] = task
    return bool(running)


def _collect(
    future: Future[Validation],
    task: Task,
    store: Store,
    summary: Summary,
    done: Callable[[Validation | str], None],
) -> None:
    name = task.candidate.instance_id
    try:
        validation = future.result()
    except Interrupted:
        return
    except (EngineUnavailable, DiskFull, StoreError):
        raise
    except (BuilderError, CurateError) as error:  # of this candidate, such as a missing mirror
        summary.broken[name] = error
        done(name)
        return
    store.save_validation(task.candidate.repo, validation)
    summary.done += 1
    why = validation.verdict.rejection
    summary.reasons[f"{why.stage}/{why.reason}" if why else "verified"] += 1
    summary.verified += why is None
    done(validation)


def chosen(store: Store, ids: Sequence[str]) -> list[Candidate]:
    """The candidates called *ids*, each once; NotFound for one that does not exist."""
    found = {name: store.candidate(name) for name in dict.fromkeys(ids)}
    unknown = [name for name, candidate in found.items() if candidate is None]
    if unknown:
        raise NotFound(
            f"No candidate is called {unknown[0]}.",
            hint="See the ids with: curate export --split raw --format jsonl -",
        )
    return [candidate for candidate in found.values() if candidate is not None]
