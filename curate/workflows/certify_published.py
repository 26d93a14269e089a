"""Rows of a published set certified: in their own images, else built by recipe and run in ours."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from curate.builders.git.run import git_output, run_git
from curate.certification.published_rows import PublishedRow
from curate.certification.published_tasks import PublishedTasks
from curate.certification.run import (
    CertificationOptions,
    CertificationSummary,
    certify_instances,
)
from curate.core.errors import CurateError, NotFoundError
from curate.core.model import Candidate, CrawlState
from curate.core.names import parse_pull_name
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.environments.recipe_values import make_version_resolver
from curate.git.locations import require_mirror
from curate.git.mirror import open_mirror
from curate.recipes import Recipe, RecipeLibrary
from curate.store import Store
from curate.validate.pool import ValidationTask
from curate.validate.run import RunControl, run_validation, stop_at

log = logging.getLogger(__name__)

PUBLISHED_DIR = "published"  # store of environments for rows of published sets


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A published set, and where its rows may have images."""

    name: str
    paths: tuple[Path, ...]
    namespaces: tuple[str, ...]

    def open(self, stores: tuple[Store, ...], backend: str) -> PublishedTasks:
        """Return its rows as tasks."""
        return PublishedTasks(
            name=self.name,
            paths=self.paths,
            stores=stores,
            namespaces=self.namespaces,
            backend=backend,
        )


def certify_published(
    ids: Sequence[str],
    published: PublishedSet,
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: CertificationOptions,
) -> CertificationSummary:
    """Certify the rows *ids*; environments that are missing are built as a validation would.

    They are kept in a store of their own below the data directory. A row whose environment does
    not build is invalid, with the reason.
    """
    with Store(settings.data_dir / PUBLISHED_DIR) as built:
        stores = (store, built)
        source = published.open(stores, options.sandbox)
        summary = certify_instances(ids, source, store, settings, options)
        if not summary.unbuilt:
            return summary
        rows = list(source.iter_rows(summary.unbuilt))
        reasons = _build(rows, built, settings, library, options)
        ready = [row.instance_id for row in rows if row.instance_id not in reasons]
        source = published.open(stores, options.sandbox)
        again = certify_instances(ready, source, store, settings, options)
        return _merge(summary, again, reasons)


def make_published_candidate(row: PublishedRow, recipe: Recipe, mirror: Path) -> Candidate:
    """Return *row* as a candidate; its version is by the recipe's rule, as its ranges are.

    Raises NotFoundError if *mirror* lacks the base commit.
    """
    if run_git(mirror, "cat-file", "-e", f"{row.base_commit}^{{commit}}").returncode:
        raise NotFoundError(f"the mirror {mirror} lacks its base commit {row.base_commit}")
    pull = parse_pull_name(row.instance_id)
    with open_mirror(mirror) as opened:
        version = make_version_resolver(recipe, opened)(row.base_commit) or row.version
    return Candidate(
        instance_id=row.instance_id,
        repo=recipe.repo,
        pull_number=pull[1] if pull else 0,
        base_commit=row.base_commit,
        base_commit_rule="published",
        head_commit=row.base_commit,
        merge_commit=None,
        patch=row.patch.encode("utf-8", "surrogateescape"),
        test_patch=row.test_patch.encode("utf-8", "surrogateescape"),
        problem_statement="",
        hints_text="",
        created_at=_read_date(row, mirror),
        version=version,
    )


def _read_date(row: PublishedRow, mirror: Path) -> datetime:
    """Return when the pull request was made; the date of the base commit if the row has none."""
    text = row.created_at
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        output = git_output(mirror, "log", "-1", "--format=%cI", row.base_commit)
        moment = datetime.fromisoformat(output.decode().strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _build(
    rows: Sequence[PublishedRow],
    built: Store,
    settings: Settings,
    library: RecipeLibrary,
    options: CertificationOptions,
) -> dict[str, str]:
    """Build the environments of *rows* in the store *built*; return why others have none."""
    reasons: dict[str, str] = {}
    tasks: list[ValidationTask] = []
    for row in rows:
        try:
            recipe = library.get_recipe(row.repo)
            mirror = require_mirror(settings, row.repo)
            candidate = make_published_candidate(row, recipe, mirror)
        except CurateError as error:
            reasons[row.instance_id] = f"{error} {error.hint}".strip()
            continue
        built.save_page(candidate.repo, [], CrawlState())
        built.save_candidate(candidate)
        tasks.append(ValidationTask(candidate=candidate, recipe=recipe))
    validation = ValidationOptions(runs=1, backend=options.sandbox, measure_strength=False)
    with stop_at(options.deadline) as stop_event:
        control = RunControl(jobs=options.jobs, stop_event=stop_event, observer=options.observer)
        own = settings.model_copy(update={"data_dir": settings.data_dir / PUBLISHED_DIR})
        own = own.model_copy(update={"mirrors_dir": settings.effective_mirrors_dir})
        summary = run_validation(tasks, validation, built, own, control)
    for name, problem in summary.infra_failures.items():
        reasons[name] = f"its environment could not be built: {problem}"
    for task in tasks:
        name = task.candidate.instance_id
        found = built.get_validation(name)
        if name not in reasons and (found is None or found.environment is None):
            rejection = found.verdict.rejection if found else None
            why = f"{rejection.stage}/{rejection.reason}" if rejection else "time limit reached"
            reasons[name] = f"its environment was not built: {why}"
    return reasons


def _merge(
    first: CertificationSummary, second: CertificationSummary, reasons: dict[str, str]
) -> CertificationSummary:
    """Return both calls as one; rows without an environment are invalid, with the reason."""
    tried = {*second.results, *second.errors, *second.invalid}
    gone = {*reasons, *tried, *second.left}
    errors = {name: text for name, text in first.errors.items() if name not in gone}
    return replace(
        first,
        results={**first.results, **second.results},
        previous={**first.previous, **second.previous},
        errors={**errors, **second.errors},
        invalid={**first.invalid, **second.invalid, **reasons},
        unbuilt=tuple(reasons),
        left=(*first.left, *second.left),
        known=first.known + second.known,
    )
