"""`curate doctor`: whether machine, accounts and settings do for the main job."""

import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.common import JsonOption, SandboxKind, SandboxOption, get_settings, print_json
from curate.cli.console import UNLIMITED_WIDTH, WholeLineConsole
from curate.cli.progress import show_work
from curate.cli.suggestions import complete_commands

if TYPE_CHECKING:
    from curate.doctor.model import Check

EXAMPLE = "Example: [bold]curate doctor --registry ghcr.io/my-lab --hub my-lab/my-tasks[/bold]"
NARROW = 60  # characters; below, a check is a block of its own
_STYLES = {"ok": "green", "warning": "yellow", "failure": "red", "skipped": "dim"}
_STATUS_WIDTH, _NAME_WIDTH = 9, 16


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=EXAMPLE)(doctor_command)


def doctor_command(
    context: typer.Context,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    registry: Annotated[
        str,
        typer.Option(metavar="HOST/NAMESPACE", help="Also test whether images can be pushed here."),
    ] = "",
    hub: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Also test whether rows can be pushed here.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check programs, machine, engine, network, accounts and store; say what to mend.

    Changes nothing, and takes at most 15 seconds. Secrets and your home folder are masked, so that
    the output can be shown to others. Exit code 1 if crawl, validate or publish would fail as
    things are; warnings do not fail.
    """
    from curate.core.names import parse_repo_name
    from curate.doctor.context import CheckContext
    from curate.doctor.run import run_checks
    from curate.releases.image_names import normalize_registry

    question = CheckContext(
        settings=get_settings(context),
        environment=os.environ,
        sandbox=sandbox,
        registry=normalize_registry(registry) if registry else "",
        hub=parse_repo_name(hub) if hub else "",
    )
    with show_work("checking"):
        checks = run_checks(question)
    if as_json:
        print_json(_make_document(checks))
    else:
        _print_checks(WholeLineConsole(), checks)
    if any(check.status == "failure" for check in checks):
        raise typer.Exit(1)


def _make_document(checks: Sequence["Check"]) -> dict[str, object]:
    from curate import __version__
    from curate.doctor.model import list_failing_jobs

    return {
        "version": __version__,
        "failing": list(list_failing_jobs(checks)),
        "checks": [vars(check) for check in checks],
    }


def _print_checks(console: WholeLineConsole, checks: Sequence["Check"]) -> None:
    from rich.text import Text

    width = console.width if console.is_on_terminal else UNLIMITED_WIDTH
    for check in checks:
        for number, line in enumerate(render_check(check, width)):
            text = Text(complete_commands(line))
            if number == 0:
                text.stylize(_STYLES[check.status], 0, len(check.status))
            console.print(text, soft_wrap=True)
    console.print(Text("\n" + summarize(checks)), soft_wrap=True)


def render_check(check: "Check", width: int) -> Iterator[str]:
    """Yield the lines of *check*, none longer than *width* unless by a word that is."""
    texts = [check.found, *([f"Fix: {check.remedy}"] if check.remedy else [])]
    head = f"{check.status:{_STATUS_WIDTH}}{check.name:{_NAME_WIDTH}}"
    if width < NARROW:
        yield f"{check.status} {check.name}"
        head = "  "
    for text in texts:
        indent = " " * len(head)
        yield from textwrap.wrap(
            " ".join(text.split()),
            width,
            initial_indent=head,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [head.rstrip()]
        head = indent


def summarize(checks: Sequence["Check"]) -> str:
    """As in "1 failure, 2 warnings. As things are, these would fail: crawl, publish."."""
    from curate.doctor.model import list_failing_jobs

    counts = Counter(str(check.status) for check in checks)
    parts = [
        f"{counts[name]:,} {name}{'s' * (counts[name] > 1)}"
        for name in ("failure", "warning")
        if counts[name]
    ]
    found = ", ".join(parts) or "All is well"
    failing = ", ".join(list_failing_jobs(checks))
    return f"{found}. As things are, these would fail: {failing}." if failing else f"{found}."
