"""`curate validate`: run the changed tests before and after the gold patch."""

import threading
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Annotated

import typer

from builders.backends.protocol import Backend
from builders.errors import EngineUnavailableError
from builders.python.choose import available_pythons
from curate.cli.common import (
    err_console,
    get_settings,
    load_library,
    make_progress_bar,
    open_store,
    print_json,
)
from curate.core.errors import CurateError
from curate.core.model import Validation
from curate.core.settings import Settings
from curate.environments.context import ValidationContext, ValidationOptions
from curate.git.locations import require_mirror
from curate.store import Store
from curate.store.process_lock import process_lock
from curate.validate.pool import ValidationSummary, ValidationTask, pending_tasks, validate_tasks

EXAMPLE = "Example: [bold]curate validate --repo getmoto/moto -j 4[/bold]"


class SandboxKind(StrEnum):
    """Where tests run."""

    DOCKER = "docker"
    LOCAL = "local"


class InfrastructureError(CurateError):
    """The machine failed on some candidates, which stay to be done."""

    exit_code = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", epilog=EXAMPLE)(validate_command)


def validate_command(  # noqa: PLR0913, PLR0917
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Candidates.")] = None,
    repo: Annotated[str | None, typer.Option(help="Only candidates of OWNER/NAME.")] = None,
    sandbox: Annotated[
        SandboxKind, typer.Option(help="docker, or local: a folder and no security border.")
    ] = SandboxKind.DOCKER,
    runs: Annotated[int, typer.Option(min=1, help="Runs on each side.")] = 3,
    test_strength: Annotated[
        bool, typer.Option(help="Try the gold patch with each hunk left out, too.")
    ] = True,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", min=1, help="Candidates, and sandboxes, at once.")
    ] = 1,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Do what was rejected once more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Build each candidate's environment, run its tests before and after, keep what is true.

    What has a verdict for the same inputs is not done again.
    """
    settings = get_settings(context)
    options = ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=test_strength)
    with open_store(settings) as store:
        library = load_library(settings)
        tasks, up_to_date = pending_tasks(
            store, library, options, ids=ids or (), repo=repo, retry_rejected=retry_rejected
        )
        summary = run_tasks(tasks, options, store, settings, jobs)
    summary.up_to_date = up_to_date
    _print_summary(summary, as_json)


def run_tasks(
    tasks: list[ValidationTask],
    options: ValidationOptions,
    store: Store,
    settings: Settings,
    jobs: int,
    stop: threading.Event | None = None,
) -> ValidationSummary:
    """Validate *tasks* under a progress bar; Ctrl-C ends what is running and keeps the rest."""
    if not tasks:
        return ValidationSummary()
    backend = make_backend(options.backend, settings, store)
    with (
        process_lock(settings.data_dir, "validation"),
        make_progress_bar() as progress,
        ThreadPoolExecutor(jobs) as sandboxes,
    ):
        backend.cleanup()
        progress_bar = progress.add_task("", total=len(tasks))

        def report(name: str, step: str) -> None:
            progress.update(progress_bar, description=f"{name}: {step}")

        def done(record: Validation | str) -> None:
            progress.advance(progress_bar)
            progress.console.print(_format_result(record))

        ctx = ValidationContext(
            store=store,
            backend=backend,
            settings=settings.build_settings(),
            python_versions=available_pythons(settings.python_install_dir),
            get_mirror=lambda name: require_mirror(settings, name),
            stop_event=stop or threading.Event(),
            report_step=report,
            run_executor=sandboxes,
        )
        summary = validate_tasks(tasks, options, ctx, jobs=jobs, on_done=done)
    if backend.bytes_over_limit:
        err_console.print(
            f"Images take {backend.bytes_over_limit / 2**30:.1f} GiB more than image_disk_limit_gib, and none may be"
            " removed. See: curate images prune --dry-run"
        )
    return summary


def make_backend(name: str, settings: Settings, store: Store) -> Backend:
    """The backend called *name*; EngineUnavailableError with a hint where there is no engine."""
    if name == SandboxKind.LOCAL:
        from builders.backends.local import LocalBackend

        err_console.print("The local sandbox is [bold]no security border[/bold]: tests run as you.")
        return LocalBackend(settings.build_settings())
    from builders.backends.docker import DockerBackend

    backend = DockerBackend(
        settings.build_settings(),
        protected_images=store.unpushed_images if settings.keep_unpushed_images else tuple,
    )
    try:
        _ = backend.engine  # ask now, before anything is planned
        return backend
    except EngineUnavailableError as error:
        error.hint = error.hint or "Start Docker, or use --sandbox local."
        raise


def _format_result(record: Validation | str) -> str:
    if isinstance(record, str):
        return f"[yellow]?[/yellow] {record}: the machine failed; it stays to be done"
    verdict = record.verdict
    if verdict.rejection:
        why = verdict.rejection
        return f"[red]-[/red] {record.instance_id}: {why.stage}/{why.reason}"
    counts = f"{len(verdict.fail_to_pass)} FAIL_TO_PASS, {len(verdict.pass_to_pass)} PASS_TO_PASS"
    return f"[green]+[/green] {record.instance_id}: {counts}"


def _print_summary(summary: ValidationSummary, as_json: bool) -> None:
    counts = {
        "validated": summary.attempted,
        "verified": summary.verified,
        "known": summary.up_to_date,
        "reasons": dict(summary.reasons),
        "broken": {name: str(error) for name, error in summary.infra_failures.items()},
    }
    if as_json:
        print_json(counts)
    err_console.print(
        f"{summary.attempted} validated, {summary.verified} of them verified;"
        f" {summary.up_to_date} were known already. Next: curate status"
    )
    if summary.infra_failures:
        name, error = next(iter(summary.infra_failures.items()))
        raise InfrastructureError(
            f"Infrastructure errors on {len(summary.infra_failures)} candidates, first {name}: {error}",
            hint=error.hint or "Run the same command again; what is done is kept.",
        )
