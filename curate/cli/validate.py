"""`curate validate`: run the changed tests before and after the gold patch."""

import threading
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Annotated

import typer

from builders.backends.protocol import Backend
from builders.errors import EngineUnavailable
from builders.python.choose import available_pythons
from curate.cli.common import library_of, open_store, print_json, progress_bar, settings_of, talk
from curate.core.errors import CurateError
from curate.core.model import Validation
from curate.core.settings import Settings
from curate.environments.context import Options, Workshop
from curate.git.locations import existing_mirror
from curate.store import Store
from curate.store.process_lock import claimed
from curate.validate.pool import Summary, Task, plan, validate

EXAMPLE = "Example: [bold]curate validate --repo getmoto/moto -j 4[/bold]"


class Sandbox(StrEnum):
    """Where tests run."""

    DOCKER = "docker"
    LOCAL = "local"


class Broken(CurateError):
    """The machine failed on some candidates, which stay to be done."""

    exit_code = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", epilog=EXAMPLE)(command)


def command(  # noqa: PLR0913, PLR0917
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Candidates.")] = None,
    repo: Annotated[str | None, typer.Option(help="Only candidates of OWNER/NAME.")] = None,
    sandbox: Annotated[
        Sandbox, typer.Option(help="docker, or local: a folder and no security border.")
    ] = Sandbox.DOCKER,
    runs: Annotated[int, typer.Option(min=1, help="Runs on each side.")] = 3,
    strength: Annotated[
        bool, typer.Option(help="Try the gold patch with each hunk left out, too.")
    ] = True,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", min=1, help="Candidates, and sandboxes, at once.")
    ] = 1,
    again: Annotated[bool, typer.Option("--again", help="Do what was rejected once more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Build each candidate's environment, run its tests before and after, keep what is true.

    What has a verdict for the same inputs is not done again.
    """
    settings = settings_of(context)
    options = Options(runs=runs, backend=sandbox.value, strength=strength)
    with open_store(settings) as store:
        library = library_of(settings)
        tasks, known = plan(store, library, options, ids=ids or (), repo=repo, again=again)
        summary = run_tasks(tasks, options, store, settings, jobs)
    summary.known = known
    _tell(summary, as_json)


def run_tasks(
    tasks: list[Task],
    options: Options,
    store: Store,
    settings: Settings,
    jobs: int,
    stop: threading.Event | None = None,
) -> Summary:
    """Validate *tasks* under a progress bar; Ctrl-C ends what is running and keeps the rest."""
    if not tasks:
        return Summary()
    backend = make_backend(options.backend, settings, store)
    with (
        claimed(settings.data, "validation"),
        progress_bar() as progress,
        ThreadPoolExecutor(jobs) as sandboxes,
    ):
        backend.sweep()
        bar = progress.add_task("", total=len(tasks))

        def report(name: str, step: str) -> None:
            progress.update(bar, description=f"{name}: {step}")

        def done(record: Validation | str) -> None:
            progress.advance(bar)
            progress.console.print(_line(record))

        shop = Workshop(
            store=store,
            backend=backend,
            settings=settings.building(),
            pythons=available_pythons(settings.interpreters),
            mirrors=lambda name: existing_mirror(settings, name),
            stop=stop or threading.Event(),
            report=report,
            sandboxes=sandboxes,
        )
        summary = validate(tasks, options, shop, jobs=jobs, done=done)
    if backend.over:
        talk.print(
            f"{backend.over / 2**30:.1f} GiB more than disk_gib are in use, and none of it may go."
            " See: curate images prune --dry-run"
        )
    return summary


def make_backend(name: str, settings: Settings, store: Store) -> Backend:
    """The backend called *name*; EngineUnavailable with a hint where there is no engine."""
    if name == Sandbox.LOCAL:
        from builders.backends.local import LocalBackend

        talk.print("The local sandbox is [bold]no security border[/bold]: tests run as you.")
        return LocalBackend(settings.building())
    from builders.backends.docker import DockerBackend

    backend = DockerBackend(
        settings.building(), kept=store.unpushed if settings.keep_unpushed else tuple
    )
    try:
        _ = backend.engine  # ask now, before anything is planned
        return backend
    except EngineUnavailable as error:
        error.hint = error.hint or "Start Docker, or use --sandbox local."
        raise


def _line(record: Validation | str) -> str:
    if isinstance(record, str):
        return f"[yellow]?[/yellow] {record}: the machine failed; it stays to be done"
    verdict = record.verdict
    if verdict.rejection:
        why = verdict.rejection
        return f"[red]-[/red] {record.instance_id}: {why.stage}/{why.reason}"
    counts = f"{len(verdict.fail_to_pass)} FAIL_TO_PASS, {len(verdict.pass_to_pass)} PASS_TO_PASS"
    return f"[green]+[/green] {record.instance_id}: {counts}"


def _tell(summary: Summary, as_json: bool) -> None:
    counts = {
        "validated": summary.done,
        "verified": summary.verified,
        "known": summary.known,
        "reasons": dict(summary.reasons),
        "broken": {name: str(error) for name, error in summary.broken.items()},
    }
    if as_json:
        print_json(counts)
    talk.print(
        f"{summary.done} validated, {summary.verified} of them verified;"
        f" {summary.known} were known already. Next: curate status"
    )
    if summary.broken:
        name, error = next(iter(summary.broken.items()))
        raise Broken(
            f"The machine failed on {len(summary.broken)} candidates, first {name}: {error}",
            hint=error.hint or "Run the same command again; what is done is kept.",
        )
