"""Try a draft on a sample, and a revised one where the trial shows what to change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.git.mirror import Mirror
from curate.recipe_tools.draft.make import DraftedRecipe, render_draft
from curate.recipe_tools.draft.revise import TrialFailure, revise_draft
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.run import RunControl
from curate.workflows.trial import VERIFIED, TrialResult, make_trial_tasks, validate_sample


@dataclass(frozen=True, kw_only=True)
class TrialSetup:
    """Where and how a sample is validated."""

    store: Store
    settings: Settings
    mirror: Mirror
    options: ValidationOptions
    control: RunControl


@dataclass(frozen=True, kw_only=True)
class DraftTrial:
    """The results with a draft, and those of the revised draft that replaces it, if any."""

    results: Sequence[TrialResult]
    revised: DraftedRecipe | None = None
    revised_results: Sequence[TrialResult] = ()

    @property
    def final_results(self) -> Sequence[TrialResult]:
        """The results with the draft that is kept."""
        return self.revised_results if self.revised else self.results


def try_recipe(ids: Sequence[str], recipe: Recipe, setup: TrialSetup) -> list[TrialResult]:
    """Validate the candidates *ids* with *recipe*, apart from the verdicts that count."""
    tasks = make_trial_tasks(setup.store, ids, recipe, setup.mirror)
    return validate_sample(tasks, setup.options, setup.store, setup.settings, setup.control)


def try_draft(
    ids: Sequence[str],
    drafted: DraftedRecipe,
    setup: TrialSetup,
    on_revised: Callable[[], None] = lambda: None,
) -> DraftTrial:
    """Validate *ids* with *drafted*; once more with a revised draft, if the failures suggest one.

    The revised draft is kept unless fewer candidates verify with it. *on_revised* is called before
    it is tried.
    """
    results = try_recipe(ids, drafted.recipe, setup)
    revised = revise_draft(drafted.draft, _list_failures(results))
    if revised is None or setup.control.stop_event.is_set():
        return DraftTrial(results=results)
    on_revised()
    again = render_draft(revised, drafted.observed)
    control = replace(setup.control, retry_rejected=False)
    revised_results = try_recipe(ids, again.recipe, replace(setup, control=control))
    if count_verified(revised_results) < count_verified(results):
        return DraftTrial(results=results)
    return DraftTrial(results=results, revised=again, revised_results=revised_results)


def count_verified(results: Sequence[TrialResult]) -> int:
    """Return how many of *results* are verified."""
    return sum(it.result == VERIFIED for it in results)


def _list_failures(results: Sequence[TrialResult]) -> list[TrialFailure]:
    failures = []
    for it in results:
        rejection = it.validation.verdict.rejection if it.validation else None
        if rejection:
            failures.append(
                TrialFailure(
                    instance_id=it.instance_id,
                    stage=rejection.stage,
                    reason=rejection.reason,
                    detail=rejection.detail,
                    log=it.log,
                )
            )
    return failures
