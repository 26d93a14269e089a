"""`curate recipe trial`: how well curate does on repositories without a recipe."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    JobsOption,
    JsonOption,
    MaxTimeOption,
    RetryOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    err_console,
    find_repo,
    get_settings,
    load_library,
    open_store,
    parse_deadline,
    print_json,
    resolve_ids,
)
from curate.cli.console import WholeLineConsole
from curate.cli.progress import show_phases
from curate.cli.recipe_trial_text import make_document, print_report
from curate.cli.validate import InfrastructureError, TimeLimitReachedError, choose_jobs
from curate.cli.validation_progress import ValidationProgress
from curate.core.errors import ConfigurationError, CurateError
from curate.store import Store
from curate.validate.pool import candidates_by_id
from curate.workflows.trial import DRAFTS_DIR

if TYPE_CHECKING:
    from curate.recipes import RecipeLibrary
    from curate.workflows.trial_report import RepositoryReport

EXAMPLE = "Example: [bold]curate recipe trial pallets/click psf/black --per-repo 6[/bold]"


class TrialIncompleteError(CurateError):
    """Some repositories could not be tried; the others were."""


def trial_command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OWNER/NAME", help="Crawled repositories. (default: those of --ids)"
        ),
    ] = None,
    per_repo: Annotated[
        int, typer.Option(min=1, help="Candidates of a repository, one of each part of its time.")
    ] = 6,
    seed: Annotated[int, typer.Option(help="Decides which candidates are drawn.")] = 7,
    ids: Annotated[
        list[str] | None,
        typer.Option(metavar="ID[,ID…]", help="These instead of a draw; repeatable."),
    ] = None,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Use a repository's recipe, not a draft, if any.")
    ] = False,
    judgments: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='TOML file of id = "why it was rightly rejected".'),
    ] = None,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 1,
    jobs: JobsOption = None,
    retry_rejected: RetryOption = False,
    max_time: MaxTimeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Measure how many candidates verify with an unedited draft.

    The candidates of a repository are divided by time into equal parts, and one is drawn of each.
    Verdicts are kept apart and do not count; the same command continues an interrupted one.

    Rightly rejected: by a reason that says something of the pull request itself, or by a judgment
    of yours in FILE; the table `wrong` there holds the opposite. Any other rejection counts as
    wrong. Yield: verified / (verified + wrongly rejected).
    """
    from curate.environments.context import ValidationOptions
    from curate.recipes import Recipe
    from curate.validate.run import RunControl, stop_at
    from curate.workflows.recipe_trial import TrialOptions, plan_trials, run_trials
    from curate.workflows.trial_judgment import PersonalJudgments, read_judgments
    from curate.workflows.trial_report import report_trial

    deadline = parse_deadline(max_time)
    settings = get_settings(context)
    known = read_judgments(judgments) if judgments else PersonalJudgments()
    library = load_library(settings)
    with open_store(settings) as store, stop_at(deadline) as stop_event:
        chosen_ids = _resolve_known_ids(store, ids or ())
        names = _choose_repositories(store, library, repos or (), chosen_ids)
        options = TrialOptions(
            per_repo=per_repo,
            seed=seed,
            ids=chosen_ids,
            use_recipes=recipe,
            validation=ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=False),
        )
        with show_phases() as show:
            planned = plan_trials(names, store, settings, library, options, show)
        recipes = [it.recipe for one in planned for it in one.tasks]
        with ValidationProgress(len(recipes)) as progress:
            control = RunControl(
                jobs=jobs or choose_jobs(it for it in recipes if isinstance(it, Recipe)),
                observer=progress,
                stop_event=stop_event,
                retry_rejected=retry_rejected,
            )
            trials = run_trials(planned, store, settings, replace(options, control=control))
    reports = [report_trial(trial, known) for trial in trials]
    if as_json:
        print_json(make_document(reports, per_repo=per_repo, seed=seed, ids=chosen_ids))
    else:
        print_report(WholeLineConsole(), reports)
    if recipes:
        command = f"curate --data-dir {settings.data_dir / DRAFTS_DIR} show ID"
        err_console.print(f"Details of one: {command}", markup=False, soft_wrap=True)
    _raise_if_incomplete(reports)


def _resolve_known_ids(store: Store, given: Sequence[str]) -> list[str]:
    """Return the instance ids that *given* names, each once; NotFoundError for an unknown one."""
    names = [name for part in given for name in part.split(",") if name]
    return [it.instance_id for it in candidates_by_id(store, resolve_ids(store, names))]


def _choose_repositories(
    store: Store, library: "RecipeLibrary", named: Sequence[str], ids: Sequence[str]
) -> list[str]:
    """Return the repositories that the user *named*, and those of *ids*, each once."""
    by_id = store.candidate_repositories() if ids else {}
    found = [find_repo(name, store, library) for name in named] + [by_id[name] for name in ids]
    if not found:
        raise ConfigurationError(
            "Name repositories, or candidates with --ids.",
            hint="For example: curate recipe trial owner/name",
        )
    return list(dict.fromkeys(found))


def _raise_if_incomplete(reports: Sequence["RepositoryReport"]) -> None:
    """Raise for infrastructure errors, then for what was not reached, then for repositories."""
    results = [it.result for one in reports for it in one.judged]
    errors = [it for it in results if it.error and it.validation is None]
    if errors:
        raise InfrastructureError(
            f"Infrastructure errors on {len(errors):,} candidates, the first"
            f" {errors[0].instance_id}: {errors[0].error}",
            hint="Run the same command again; verdicts are kept.",
        )
    remaining = sum(it.validation is None for it in results)
    if remaining:
        raise TimeLimitReachedError(
            f"Time limit reached, {remaining:,} candidates remaining.",
            hint="Run the same command again; verdicts are kept.",
        )
    failed = [(one.trial.repo, one.trial.problem) for one in reports if one.trial.problem]
    if failed:
        repo, problem = failed[0]
        error = TrialIncompleteError(
            f"{len(failed)} of {len(reports)} repositories could not be tried, the first {repo}:"
            f" {problem.message}",
            hint=problem.hint,
        )
        error.exit_code = problem.exit_code
        raise error
