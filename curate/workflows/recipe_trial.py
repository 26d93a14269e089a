"""How well curate does on repositories without a recipe: the protocol of a measurement.

Candidates are drawn from equal parts of a repository's time by a seed, and validated with the
unedited draft, apart from the verdicts that count.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from curate.core.errors import (
    NotFoundError,
    StoreError,
    describe_error,
)
from curate.core.model import Candidate
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.git.locations import require_mirror
from curate.git.mirror import open_mirror
from curate.recipes import Recipe, RecipeLibrary
from curate.store import Store
from curate.validate.pool import ValidationTask
from curate.validate.run import RunControl
from curate.workflows.drafting import draft_stored_repository
from curate.workflows.problem import Problem
from curate.workflows.trial import TrialResult, make_trial_tasks, validate_sample

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """What is measured, and how."""

    per_repo: int = 6
    seed: int = 7
    ids: Sequence[str] = ()  # these candidates, instead of a draw
    use_recipes: bool = False  # an existing recipe instead of a draft
    validation: ValidationOptions = field(default_factory=ValidationOptions)
    control: RunControl = field(default_factory=RunControl)


@dataclass(frozen=True, kw_only=True)
class RepositoryTrial:
    """The results of one repository, or why it has none."""

    repo: str
    candidates: int = 0  # that are stored
    recipe: str = ""  # text of the draft, or path of the recipe that was used
    results: Sequence[TrialResult] = ()
    problem: Problem | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """A repository's tasks, or why it has none; the results are still to come."""

    trial: RepositoryTrial
    tasks: Sequence[ValidationTask] = ()


def draw_by_period(candidates: Sequence[Candidate], parts: int, seed: int) -> list[str]:
    """Return one id of each of *parts* parts of *candidates*, oldest first.

    The parts follow each other in time and have the same number of candidates, give or take one.
    With fewer candidates than parts, all are returned. The draw depends on *seed* and the members
    of a part alone.
    """
    ordered = sorted(candidates, key=lambda it: (it.created_at, it.instance_id))
    parts = min(parts, len(ordered))
    bounds = [len(ordered) * part // parts for part in range(parts + 1)] if parts else []
    return [
        min(
            (it.instance_id for it in ordered[start:end]),
            key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest(),
        )
        for start, end in pairwise(bounds)
    ]


def plan_trials(
    repos: Sequence[str],
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: TrialOptions,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> list[PlannedTrial]:
    """Draw the candidates of each of *repos* and draft its recipe.

    A repository without candidates, mirror or draft has a problem instead, and the others go on.
    Raises StoreError, as it concerns all.
    """
    planned = []
    for index, repo in enumerate(repos):
        progress(f"drafting a recipe for {repo}", index, len(repos))
        try:
            planned.append(_plan_repository(repo, store, settings, library, options))
        except StoreError:
            raise
        except Exception as error:
            problem = _describe_problem(repo, error)
            planned.append(PlannedTrial(trial=RepositoryTrial(repo=repo, problem=problem)))
    return planned


def run_trials(
    planned: Sequence[PlannedTrial], store: Store, settings: Settings, options: TrialOptions
) -> list[RepositoryTrial]:
    """Validate all *planned* tasks in the store for drafts; those that are up to date are known.

    Raises what `run_validation` raises.
    """
    tasks = [task for one in planned for task in one.tasks]
    results = validate_sample(tasks, options.validation, store, settings, options.control)
    return [
        replace(one.trial, results=[it for it in results if it.repo == one.trial.repo])
        for one in planned
    ]


def _plan_repository(
    repo: str, store: Store, settings: Settings, library: RecipeLibrary, options: TrialOptions
) -> PlannedTrial:
    heads = [candidate for candidate, _ in store.iter_candidate_heads(repo)]
    if not heads:
        hint = f"Run: curate crawl {repo}"
        problem = Problem(
            message="no candidates are stored", hint=hint, exit_code=NotFoundError.exit_code
        )
        return PlannedTrial(trial=RepositoryTrial(repo=repo, problem=problem))
    given = {it.instance_id for it in heads} & {*options.ids}
    ids = sorted(given, key=options.ids.index) or draw_by_period(
        heads, options.per_repo, options.seed
    )
    recipe, text = _choose_recipe(repo, store, settings, library, options)
    with open_mirror(require_mirror(settings, repo)) as mirror:
        tasks = make_trial_tasks(store, ids, recipe, mirror)
    trial = RepositoryTrial(repo=repo, candidates=len(heads), recipe=text)
    return PlannedTrial(trial=trial, tasks=tasks)


def _choose_recipe(
    repo: str, store: Store, settings: Settings, library: RecipeLibrary, options: TrialOptions
) -> tuple[Recipe, str]:
    """Return the unedited draft and its text, or the existing recipe and its path."""
    path = library.find_path(repo) if options.use_recipes else None
    if path:
        return library.get_recipe(repo), str(path)
    drafted = draft_stored_repository(repo, store, settings)
    return drafted.recipe, drafted.text


def _describe_problem(repo: str, error: Exception) -> Problem:
    """Return *error* for the user; the traceback of a bug goes to the log file."""
    if describe_error(error) is None:
        log.debug("%s: the traceback", repo, exc_info=error)
    return Problem.of(error)
