"""`curate nightly`: what a night of several machines needs around `curate rebuild`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.common import (
    ApiOption,
    RunsOption,
    SandboxKind,
    SandboxOption,
    err_console,
    get_settings,
    load_library,
    open_store,
    read_repo_name,
)
from curate.cli.crawl import make_client
from curate.cli.night_names import list_night_repositories
from curate.cli.night_report import require_report_file, write_report
from curate.cli.waiting import CrawlProgress
from curate.core.errors import ConfigurationError
from curate.core.files import require_ordinary_file
from curate.publish.output_paths import explain_path_errors

EXAMPLE = "Example: [bold]curate nightly report night/*/report.json --output report.md[/bold]"
LABEL, TITLE = "curate-drift", "Published instances have drifted"

nightly_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", epilog=EXAMPLE)

ReportsArgument = Annotated[
    list[Path], typer.Argument(metavar="REPORT.json…", help="Reports of curate rebuild.")
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(nightly_app, name="nightly", help="Nights of several machines.", epilog=EXAMPLE)


@nightly_app.callback()
def describe_group() -> None:
    """Nights of several machines."""


@nightly_app.command("jobs", epilog="Example: [bold]curate nightly jobs --jobs 20[/bold]")
def jobs_command(
    context: typer.Context,
    repos: Annotated[
        list[str] | None,
        typer.Argument(metavar="OWNER/NAME", help="(default: all with a recipe)"),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=256, help="Jobs to divide among the repositories.")
    ] = 20,
    sandbox: SandboxOption = SandboxKind.DOCKER,
    runs: RunsOption = 3,
) -> None:
    """Print the jobs of a night as the matrix of a GitHub workflow: one line of JSON.

    Each repository gets at least one; those with most pending candidates are divided into shards.
    """
    from curate.environments.context import ValidationOptions
    from curate.validate.pool import pending_tasks
    from curate.workflows.night_matrix import plan_jobs

    settings = get_settings(context)
    library = load_library(settings)
    with open_store(settings) as store:
        names = list_night_repositories(repos or (), store, library)
        crawled = store.list_repositories()
        options = ValidationOptions(backend=sandbox.value, runs=runs)
        pending = {
            repo: len(pending_tasks(store, library, options, ids=(), repo=repo)[0])
            if repo in crawled or store.candidate_numbers(repo)
            else 0
            for repo in names
        }
    document = {"include": [asdict(job) for job in plan_jobs(pending, jobs)]}
    typer.echo(json.dumps(document))


@nightly_app.command("report", epilog=EXAMPLE)
def report_command(
    reports: ReportsArgument,
    output: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Markdown, or JSON for FILE.json; repeatable."),
    ],
) -> None:
    """Merge the reports of several jobs. One that is missing is named, and does not stop it."""
    from curate.workflows.night_text import merge_documents

    for file in output:
        require_report_file(file)
    found = [one for one in map(_read_report, reports) if one is not None]
    if not found:
        raise ConfigurationError("None of the reports can be read.", hint="Name their files.")
    for file in output:
        write_report(file, merge_documents(found))


@nightly_app.command(
    "issue", epilog="Example: [bold]curate nightly issue report.json --repo my-lab/tasks[/bold]"
)
def issue_command(
    context: typer.Context,
    report: Annotated[Path, typer.Argument(metavar="REPORT.json", help="Of the whole night.")],
    repo: Annotated[str, typer.Option(metavar="OWNER/NAME", help="Where the issue is.")],
    github_api_url: ApiOption = None,
) -> None:
    """Open an issue on drift, or update the one that is open; close it when nothing drifts.

    It is found by its label and title, so the same report again changes nothing. Needs a token that
    may write issues.
    """
    from curate.github.report_issue import IssueReport, publish_report_issue
    from curate.workflows.night_text import render_drift

    settings = get_settings(context, github_api_url=github_api_url)
    name = read_repo_name(repo)
    document = _read_report(report)
    if document is None:
        raise ConfigurationError(f"{report} is no report of a night.", hint="Name its JSON file.")
    if document["certification"] is None:
        err_console.print("Nothing was certified, so the issue stays as it is.")
        return
    body = render_drift(document["certification"])
    display = CrawlProgress()
    done = publish_report_issue(
        make_client(settings, display),
        IssueReport(repo=name, title=TITLE, label=LABEL, body=body),
    )
    text = f"{name}#{done.number}: {done.action}" if done.number else "Nothing drifts: no issue"
    err_console.print(text, markup=False)


def _read_report(file: Path) -> dict[str, Any] | None:
    """Return the document in *file*; None, with a warning, if there is none."""
    try:
        with explain_path_errors(file, "read"):
            require_ordinary_file(file)
            document = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(document, dict) and {"repositories", "certification"} <= document.keys():
            return document
    except (ValueError, RecursionError, ConfigurationError):
        pass
    err_console.print(f"Warning: {file} is no report of a night", markup=False, soft_wrap=True)
    return None
