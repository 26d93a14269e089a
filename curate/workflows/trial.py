"""Validate a sample of candidates with a draft recipe, in a separate store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curate.core.model import Candidate, CrawlState, Validation
from curate.core.sampling import sample_evenly
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.environments.recipe_values import make_version_resolver
from curate.git.mirror import Mirror
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash
from curate.validate.pool import ValidationTask, candidates_by_id
from curate.validate.run import RunControl, run_validation
from curate.workflows.trial_cause import describe_cause, read_log

DRAFTS_DIR = "drafts"  # store for samples, below the data directory
VERIFIED = "verified"
NOT_REACHED = "not-reached"
ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What became of one candidate of a sample."""

    instance_id: str
    repo: str
    validation: Validation | None = None  # None if not reached, or after an infrastructure error
    error: str = ""  # the infrastructure error
    cause: str = ""  # why it was rejected, in one line
    log: str = ""  # of the failed lock, build or test run that explains a rejection

    @property
    def result(self) -> str:
        """Return "verified", "stage/reason", "error" or "not-reached"."""
        if self.validation is None:
            return ERROR if self.error else NOT_REACHED
        rejection = self.validation.verdict.rejection
        return f"{rejection.stage}/{rejection.reason}" if rejection else VERIFIED


def sample_candidates(store: Store, repo: str, count: int) -> list[str]:
    """Return the ids of up to *count* candidates of *repo*, evenly spaced by date."""
    heads = [candidate for candidate, _ in store.iter_candidate_heads(repo)]
    heads.sort(key=lambda it: (it.created_at, it.instance_id))
    return [it.instance_id for it in sample_evenly(heads, count)]


def make_trial_tasks(
    store: Store, ids: Sequence[str], recipe: Recipe, mirror: Mirror
) -> list[ValidationTask]:
    """Return a task for each of *ids* with *recipe*, and the version that it makes of the commit.

    Raises NotFoundError for an id that is no candidate.
    """
    resolve_version = make_version_resolver(recipe, mirror)
    return [
        ValidationTask(
            candidate=replace(it, version=resolve_version(it.base_commit)), recipe=recipe
        )
        for it in candidates_by_id(store, ids)
    ]


def validate_sample(
    tasks: Sequence[ValidationTask],
    options: ValidationOptions,
    store: Store,
    settings: Settings,
    control: RunControl,
) -> list[TrialResult]:
    """Return the result of each of *tasks*, in order.

    Candidates that are up to date are not validated again. Their PRs are copied from *store* to
    the store for drafts, as `curate show` needs them.
    """
    with Store(settings.data_dir / DRAFTS_DIR) as drafts:
        for task in tasks:
            _copy_candidate(task.candidate, store, drafts)
        known_hashes = drafts.validated_inputs(rejected=not control.retry_rejected)
        hashes = {task.candidate.instance_id: _hash_inputs(task, options) for task in tasks}
        known = {name for name, key in hashes.items() if known_hashes.get(name) == key}
        pending = [task for task in tasks if task.candidate.instance_id not in known]
        for task in tasks:
            if task.candidate.instance_id in known:  # done, as progress counts all of them
                result = _make_result(drafts, task.candidate, hashes, {}).result
                control.observer.on_done(task.candidate.instance_id, result)
        summary = run_validation(pending, options, drafts, settings, control)
        errors = {
            name: f"{error} {error.hint}".rstrip() for name, error in summary.infra_failures.items()
        }
        return [_make_result(drafts, task.candidate, hashes, errors) for task in tasks]


def _copy_candidate(candidate: Candidate, store: Store, drafts: Store) -> None:
    pull = store.get_pull(candidate.repo, candidate.pull_number)
    drafts.save_page(candidate.repo, [pull] if pull else [], CrawlState())
    drafts.save_candidate(candidate)


def _hash_inputs(task: ValidationTask, options: ValidationOptions) -> str:
    assert isinstance(task.recipe, Recipe)
    return compute_inputs_hash(task.candidate, task.recipe, options)


def _make_result(
    drafts: Store, candidate: Candidate, hashes: dict[str, str], errors: dict[str, str]
) -> TrialResult:
    """Return the stored validation if it is of the current inputs, else why there is none."""
    name = candidate.instance_id
    validation = drafts.get_validation(name)
    if validation is None or validation.inputs_hash != hashes[name]:
        return TrialResult(instance_id=name, repo=candidate.repo, error=errors.get(name, ""))
    log = read_log(validation, drafts.blobs) if validation.verdict.rejection else ""
    return TrialResult(
        instance_id=name,
        repo=candidate.repo,
        validation=validation,
        error=errors.get(name, ""),
        cause=describe_cause(validation, log),
        log=log,
    )
