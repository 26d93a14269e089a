"""Try a draft on a few candidates, and say what came of it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from curate.cli.candidate_text import show_symbols
from curate.cli.common import err_console
from curate.cli.console import WholeLineConsole
from curate.cli.suggestions import complete_commands
from curate.cli.validation_progress import ValidationProgress

if TYPE_CHECKING:
    from curate.recipe_tools.draft.make import DraftedRecipe
    from curate.workflows.trial import TrialResult
    from curate.workflows.trial_revised import DraftTrial, TrialSetup


def try_sample(
    repo: str,
    ids: Sequence[str],
    drafted: "DraftedRecipe",
    setup: "TrialSetup",
    *,
    is_kept: bool,
    is_asked: bool,
) -> "DraftTrial | None":
    """Validate *ids* with *drafted* and print what came of it; None if nothing could be tried.

    A file that *is_kept* is not revised. Without candidates nothing is tried; neither without a
    container engine or beside another validation, unless the user asked for it.
    """
    from dataclasses import replace

    from curate.builders.errors import EngineUnavailableError
    from curate.store.process_lock import LockedError
    from curate.workflows.trial_revised import DraftTrial, try_draft, try_recipe

    if not ids:
        command = complete_commands(f"curate crawl {repo}")
        text = f"Not tried: no candidates of {repo} are stored. Run: {command}"
        err_console.print(text, soft_wrap=True)
        return None
    try:
        with ValidationProgress(len(ids)) as progress:
            setup = replace(setup, control=replace(setup.control, observer=progress))
            trial = (
                DraftTrial(results=try_recipe(ids, drafted.recipe, setup))
                if is_kept
                else try_draft(ids, drafted, setup)
            )
    except (EngineUnavailableError, LockedError) as error:
        if is_asked:
            raise
        err_console.print(f"Not tried: {error} {error.hint}", markup=False, soft_wrap=True)
        return None
    print_trial(trial, setup)
    return trial


def print_trial(trial: "DraftTrial", setup: "TrialSetup") -> None:
    """Print how many verify, why the others do not, and what a revision changed."""
    from curate.workflows.trial import DRAFTS_DIR
    from curate.workflows.trial_revised import count_verified

    results = trial.final_results
    verified = f"{count_verified(results)} of {len(results)} verified"
    if trial.revised:
        verified += f", {count_verified(trial.results)} before the draft was revised:"
        verified += f" {trial.revised.draft.warnings[-1]}"
    err_console.print(verified, markup=False, soft_wrap=True)
    print_rejections(err_console, results)
    if any(it.validation for it in results):
        drafts = setup.settings.data_dir / DRAFTS_DIR
        command = f"curate --data-dir {drafts} show ID"
        err_console.print(f"Details of one: {command}", markup=False, soft_wrap=True)


def print_rejections(console: WholeLineConsole, results: Iterable["TrialResult"]) -> None:
    """Print two lines for each that is not verified: id and reason; the cause, cut to the width."""
    from curate.workflows.trial import VERIFIED

    for it in results:
        if it.result == VERIFIED:
            continue
        console.print(f"  {it.instance_id}  {it.result}", markup=False, soft_wrap=True)
        print_cause(console, it.error or it.cause)


def print_cause(console: WholeLineConsole, cause: str) -> None:
    """Print *cause*, if any, as one indented line, cut at the edge of the terminal."""
    if cause:
        text = show_symbols(" ".join(cause.split()))
        line = Text(f"      {text}", no_wrap=True, overflow="ellipsis")
        console.print(line, no_wrap=True, overflow="ellipsis")


def make_trial_document(trial: "DraftTrial") -> dict[str, object]:
    """Return results and causes by id, for --json; also those before a revision."""
    document: dict[str, object] = {
        "sample": {it.instance_id: it.result for it in trial.final_results},
        "causes": {it.instance_id: it.error or it.cause for it in trial.final_results},
    }
    if trial.revised:
        document["sample_before_revision"] = {it.instance_id: it.result for it in trial.results}
    return document
