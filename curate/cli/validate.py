"""`curate validate`: run the changed tests before and after the gold patch."""

import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import (
    ClusterOption,
    JobsOption,
    JsonOption,
    MaxTimeOption,
    RetryOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    ShardOption,
    err_console,
    find_known_repo,
    get_settings,
    load_library,
    open_store,
    parse_deadline,
    print_json,
    resolve_ids,
    warn_of_exclusions,
)
from curate.cli.progress import format_duration
from curate.cli.saved_drafts import draft_for_candidates, drafts_folder
from curate.cli.suggestions import complete_commands
from curate.cli.validation_progress import ValidationProgress
from curate.core.errors import ConfigurationError, CurateError, NotFoundError
from curate.core.near_words import suggest_word
from curate.core.reasons import list_reasons
from curate.core.settings import Settings
from curate.store import Store

if TYPE_CHECKING:
    from curate.recipes import Recipe
    from curate.validate.pool import PendingTasks, ValidationSummary

log = logging.getLogger(__name__)

EXAMPLE = "Example: [bold]curate validate --repo getmoto/moto -j 4[/bold]"


class InfrastructureError(CurateError):
    """Candidates without a verdict after an infrastructure error; the next call retries them."""

    exit_code = 3


class TimeLimitReachedError(CurateError):
    """Candidates are left; the next call validates them."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", epilog=EXAMPLE)(validate_command)


def validate_command(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Candidates. (default: all)")
    ] = None,
    repo: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Candidates of this repository.")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="Retry those rejected for this reason.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of candidates, oldest first.")
    ] = None,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
    test_strength: Annotated[
        bool, typer.Option(help="Also run the tests with each hunk of the gold patch removed.")
    ] = True,
    jobs: JobsOption = None,
    cluster: ClusterOption = "",
    registry: Annotated[
        str,
        typer.Option(metavar="HOST/NAMESPACE", help="Where workers of --cluster push images to."),
    ] = "",
    retry_rejected: RetryOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would run, with an estimate.")
    ] = False,
    max_time: MaxTimeOption = "",
    shard: ShardOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build each candidate's environment and run its tests before and after the gold patch.

    For a repository without a recipe, one is drafted, saved in DATA_DIR/recipes and used from then
    on; it changes only when you edit it, or draft it again.

    Candidates that are up to date, with a verdict for the same inputs, are skipped. An ID may also
    be OWNER/NAME#NUMBER or the address of the pull request. A reason is written as in `curate
    status`, with or without its stage. At the time
    limit no new test run begins. With --cluster, candidates are validated on the workers there, at
    most --jobs on each at once; with --registry, they push the images of instances.
    """
    from curate.cluster.connect import LOCAL, check_address
    from curate.environments.context import ValidationOptions
    from curate.environments.manifest_keys import list_shard
    from curate.git.locations import require_mirror
    from curate.recipes import RecipeError
    from curate.validate.pool import pending_tasks
    from curate.validate.run import RunControl, run_validation, stop_at

    deadline = parse_deadline(max_time)
    if cluster:
        check_address(cluster)
    registry = check_worker_registry(registry, cluster, sandbox) if registry else ""
    settings = get_settings(context)
    options = ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=test_strength)
    with open_store(settings) as store, drafts_folder(settings, is_kept=not dry_run) as drafts:
        names = resolve_ids(store, ids or ())
        repo = find_known_repo(repo, store) if repo else None
        if reason:
            names = _rejected_ids(settings, reason, names, repo)
        library = load_library(settings, drafts)
        draft_for_candidates(names, repo, store, settings, library, drafts)
        tasks, up_to_date = pending_tasks(
            store,
            library,
            options,
            ids=names,
            repo=repo,
            retry_rejected=retry_rejected or bool(reason),
        )
        members = None
        if shard:
            find_mirror = partial(require_mirror, settings)
            members = list_shard(shard, store, library, find_mirror, repo=repo, ids=names)
            tasks = tasks.keep_only(members.ids)
            up_to_date = len(members.ids) - len(tasks)
        warn_of_exclusions(sorted(set(tasks.repos)), settings)
        tasks = tasks[:limit]
        recipes = [tasks.recipes[repo] for repo in dict.fromkeys(tasks.repos)]
        if not jobs and cluster in ("", LOCAL):
            jobs = choose_jobs(it for it in recipes if not isinstance(it, RecipeError))
        if dry_run:
            _print_plan(store, tasks, up_to_date, jobs=jobs or 1, as_json=as_json)
            if members:
                members.require_all()
            return
        with ValidationProgress(len(tasks)) as progress, stop_at(deadline) as stop_event:
            control = RunControl(
                jobs=jobs or 0,
                cluster=cluster,
                registry=registry,
                observer=progress,
                stop_event=stop_event,
                retry_rejected=retry_rejected or bool(reason),
            )
            summary = run_validation(tasks, options, store, settings, control)
    remaining = len(tasks) - summary.attempted - len(summary.infra_failures)
    _print_summary(summary, up_to_date, remaining, as_json=as_json)
    if members:
        members.require_all()


def check_worker_registry(registry: str, cluster: str, sandbox: SandboxKind) -> str:
    """Return the name of *registry*; ConfigurationError if no worker would push there."""
    from curate.releases.image_names import normalize_registry

    if not cluster or sandbox is not SandboxKind.DOCKER:
        raise ConfigurationError(
            "--registry is for images that the workers of --cluster build with Docker.",
            hint="To push those of this machine: curate publish images --registry HOST/NAMESPACE",
        )
    return normalize_registry(registry)


def choose_jobs(recipes: Iterable["Recipe"]) -> int:
    """As many parallel workers as cores and the memory limit of a run allow."""
    from curate.builders.model import ResourceLimits
    from curate.core.machine import parallel_runs
    from curate.environments.recipe_values import resource_limits

    distinct = {recipe.repo: recipe for recipe in recipes}.values()
    limits = [resource_limits(env) for recipe in distinct for env in recipe.env]
    default = ResourceLimits().memory_bytes
    return parallel_runs(max((limit.memory_bytes for limit in limits), default=default))


def _rejected_ids(
    settings: Settings, reason: str, names: Sequence[str], repo: str | None
) -> list[str]:
    """Candidates of *names* and *repo* that a validation rejected for *reason*."""
    from curate.store.listing import ListingFilter, list_pulls

    chosen = ListingFilter(repo=repo or "", states=("rejected",), candidates_only=True)
    found = [
        one.instance_id
        for one in list_pulls(settings.data_dir, chosen)
        if reason in {one.reason, f"{one.stage}/{one.reason}"}
        and (not names or one.instance_id in names)
    ]
    if not found:
        near = suggest_word(reason, list_reasons())
        hint = f"{near} See all reasons: curate status".strip()
        raise NotFoundError(f"No candidate was rejected for {reason!r}.", hint=hint)
    return found


def _print_plan(
    store: Store, tasks: "PendingTasks", up_to_date: int, *, jobs: int, as_json: bool
) -> None:
    """Print the ids that would run, and what that would cost."""
    from curate.validate.estimate import estimate_cost

    cost = estimate_cost(tasks.repos, store)
    if as_json:
        document = {"ids": list(tasks.ids), "jobs": jobs}
        seconds = {"seconds": cost.work_seconds / jobs, "up_to_date": up_to_date}
        print_json(document | seconds | asdict(cost))
        return
    sys.stdout.writelines(f"{name}\n" for name in tasks.ids)
    hours = format_duration(cost.work_seconds / jobs)
    basis = f"{cost.history:,} earlier validations" if cost.history else "documented means"
    err_console.print(
        f"{cost.candidates:,} candidates would run, {up_to_date:,} are up to date. With -j {jobs}"
        f" about {hours} (h:mm:ss), {cost.disk_bytes / 1e9:.1f} GB of disk,"
        f" at most {cost.download_bytes / 1e9:.1f} GB of downloads (from {basis}).",
        soft_wrap=True,
    )


def _print_summary(
    summary: "ValidationSummary", up_to_date: int, remaining: int, *, as_json: bool
) -> None:
    errors = summary.infra_failures
    rejected = summary.attempted - summary.verified
    if as_json:
        print_json(
            {
                "attempted": summary.attempted,
                "verified": summary.verified,
                "rejected": rejected,
                "up_to_date": up_to_date,
                "remaining": remaining,
                "reasons": dict(summary.reasons),
                "infra_failures": {name: str(error) for name, error in errors.items()},
            }
        )
    counts = (
        f"{summary.attempted:,} attempted: {summary.verified:,} verified, {rejected:,} rejected"
    )
    is_nothing_known = not (summary.attempted or up_to_date or remaining or errors)
    command = "curate crawl OWNER/NAME" if is_nothing_known else "curate status"
    next_command = complete_commands(command)
    failed = f"; {len(errors):,} errors" if errors else ""
    left = f"; {remaining:,} remaining" if remaining else ""
    err_console.print(
        f"{counts}; {up_to_date:,} up to date{failed}{left}. Next: {next_command}", soft_wrap=True
    )
    if errors:
        name, error = next(iter(errors.items()))
        raise InfrastructureError(
            f"Infrastructure errors on {len(errors):,} candidates, the first {name}: {error}",
            hint=error.hint or "Run the same command again; verdicts are kept.",
        )
    if remaining:
        raise TimeLimitReachedError(
            f"Time limit reached, {remaining:,} candidates remaining.",
            hint="Run the same command again; verdicts are kept.",
        )
