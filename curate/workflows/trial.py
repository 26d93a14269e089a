"""Validate a sample of candidates with a draft recipe, in a separate store."""

from collections.abc import Sequence
from dataclasses import replace

from curate.core.errors import NotFoundError
from curate.core.model import Candidate, CrawlState
from curate.core.sampling import sample_evenly
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.environments.plan import make_version_resolver
from curate.git.mirror import Mirror
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash
from curate.validate.pool import ValidationTask
from curate.validate.run import RunControl, run_validation

DRAFTS_DIR = "drafts"  # store for samples, below the data directory


def sample_candidates(
    candidates: Sequence[Candidate], count: int, recipe: Recipe, mirror: Mirror
) -> list[Candidate]:
    """Return up to *count* candidates evenly spaced by date, with versions by *recipe*.

    Raises NotFoundError if there are no candidates.
    """
    if not candidates:
        hint = f"Run: curate crawl {recipe.repo}"
        raise NotFoundError(f"{recipe.repo} has no candidates.", hint=hint)
    ordered = sorted(candidates, key=lambda it: (it.created_at, it.instance_id))
    resolve_version = make_version_resolver(recipe, mirror)
    return [
        replace(it, version=resolve_version(it.base_commit)) for it in sample_evenly(ordered, count)
    ]


def validate_sample(
    sample: Sequence[Candidate],
    recipe: Recipe,
    options: ValidationOptions,
    store: Store,
    settings: Settings,
    control: RunControl,
) -> dict[str, str]:
    """Return the result of each candidate by id: "verified", "stage/reason" or an error.

    Candidates that are up to date are not validated again. Their PRs are copied from *store* to
    the store for drafts, as `curate show` needs them.
    """
    with Store(settings.data_dir / DRAFTS_DIR) as drafts:
        for it in sample:
            pull = store.get_pull(it.repo, it.pull_number)
            drafts.save_page(it.repo, [pull] if pull else [], CrawlState())
            drafts.save_candidate(it)
        known_hashes = drafts.validated_inputs(rejected=not control.retry_rejected)
        tasks = [
            ValidationTask(candidate=it, recipe=recipe)
            for it in sample
            if known_hashes.get(it.instance_id) != compute_inputs_hash(it, recipe, options)
        ]
        summary = run_validation(tasks, options, drafts, settings, control)
        errors = summary.infra_failures
        return {it.instance_id: _verdict(drafts, it, errors.get(it.instance_id)) for it in sample}


def _verdict(store: Store, candidate: Candidate, error: Exception | None) -> str:
    record = store.get_validation(candidate.instance_id)
    if error or record is None:
        return f"infrastructure error: {error}"
    rejection = record.verdict.rejection
    return f"{rejection.stage}/{rejection.reason}" if rejection else "verified"
