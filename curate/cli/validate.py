"""`curate validate`: run the changed tests before and after the gold patch."""

import time
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
    get_settings,
    load_library,
    make_progress_bar,
    open_store,
    parse_duration,
    print_json,
)
from curate.core.errors import CurateError

if TYPE_CHECKING:
    from rich.progress import Progress

    from curate.validate.pool import ValidationSummary

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
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
    test_strength: Annotated[
        bool, typer.Option(help="Also run the tests with each hunk of the gold patch removed.")
    ] = True,
    jobs: JobsOption = 1,
    retry_rejected: RetryOption = False,
    max_time: MaxTimeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Build each candidate's environment and run its tests before and after the gold patch.

    Candidates that are up to date, with a verdict for the same inputs, are skipped. At the time
    limit no new test run begins.
    """
    from curate.environments.context import ValidationOptions
    from curate.validate.pool import pending_tasks
    from curate.validate.run import RunControl, run_validation, stop_at

    deadline = time.monotonic() + parse_duration(max_time) if max_time else None
    settings = get_settings(context)
    options = ValidationOptions(runs=runs, backend=sandbox.value, measure_strength=test_strength)
    with open_store(settings) as store:
        tasks, up_to_date = pending_tasks(
            store,
            load_library(settings),
            options,
            ids=ids or (),
            repo=repo,
            retry_rejected=retry_rejected,
        )
        with ValidationProgress(len(tasks)) as progress, stop_at(deadline) as stop_event:
            control = RunControl(jobs=jobs, observer=progress, stop_event=stop_event)
            summary = run_validation(tasks, options, store, settings, control)
    remaining = len(tasks) - summary.attempted - len(summary.infra_failures)
    _print_summary(summary, up_to_date, remaining, as_json=as_json)


class ValidationProgress:
    """A bar of the candidates of a validation; the newest step is its text."""

    def __init__(self, total: int | None = None) -> None:
        self._total = total

    def __enter__(self) -> "ValidationProgress":
        self._bar: Progress = make_progress_bar()
        self._task = self._bar.add_task("", total=self._total)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_step(self, instance_id: str, step: str) -> None:
        """Show the step."""
        self._bar.update(self._task, description=f"{instance_id}: {step}")

    def on_done(self) -> None:
        """Count one more."""
        self._bar.advance(self._task)


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
    failed = f"; {len(errors):,} errors" if errors else ""
    left = f"; {remaining:,} remaining" if remaining else ""
    err_console.print(f"{counts}; {up_to_date:,} up to date{failed}{left}. Next: curate status")
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
