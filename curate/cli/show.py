"""`curate show`: everything known about one candidate."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from curate.cli.candidate_text import CandidateDetails, print_candidate
from curate.cli.common import (
    err_console,
    get_settings,
    open_existing_store,
    print_json,
    resolve_ids,
)
from curate.cli.console import WholeLineConsole
from curate.cli.suggestions import complete_commands
from curate.core.errors import StoreError
from curate.core.model import PullRequest, Rejection, Validation
from curate.core.names import parse_pull_name, pull_address
from curate.core.settings import Settings
from curate.publish.excluded import instance_exclusions
from curate.store import Store
from curate.store.serialization import to_json
from curate.store.stored_logs import find_explaining_log, last_lines, read_log
from curate.store.unknown_ids import explain_unknown_id

EXAMPLE = "Example: [bold]curate show getmoto__moto-4848 --json[/bold]"
TAIL_LINES = 15  # of the log that explains a rejection


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show", epilog=EXAMPLE)(show_command)


def show_command(
    context: typer.Context,
    instances: Annotated[list[str], typer.Argument(metavar="ID", help="owner__name-NUMBER")],
    full: Annotated[
        bool, typer.Option("--full", help="Print long texts and patches in full.")
    ] = False,
    web: Annotated[
        bool, typer.Option("--web", help="Open its page in a browser; print where it is.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; for several IDs, one document per line.")
    ] = False,
) -> None:
    """Show a task as a person reads it: the issue, the failing tests, the patches, the verdict.

    Also its links, commits, environment, test runs, and why a release excludes it. With --web, the
    page is that of the report in DATA_DIR/report, if it is as new as the verdict; else a file.
    """
    console, settings = WholeLineConsole(), get_settings(context)
    with open_existing_store(settings) as store:
        names = resolve_ids(store, instances)
        if web:
            _open_pages(settings, store, names)
            return
        every = [_load_details(settings, store, name) for name in names]
        known = instance_exclusions(settings, store, [it.name for it in every])
        if known.unknown:
            command = complete_commands("curate publish check")
            text = f"Not compared with other instances yet. For near-duplicates see: {command}"
            err_console.print(text, soft_wrap=True)
        for details in [replace(it, exclusions=known.exclusions.get(it.name, ())) for it in every]:
            if not as_json:
                print_candidate(console, details, full=full)
            elif len(names) == 1:
                print_json(_make_document(details))
            else:
                print(json.dumps(_make_document(details), ensure_ascii=False, default=str))


def _open_pages(settings: Settings, store: Store, names: Sequence[str]) -> None:
    """Open the pages of *names*, where somebody would see them, and print where they are."""
    from curate.cli.report import FOLDER, open_in_browser
    from curate.report.browser.single_page import find_page

    for name in names:
        place = find_page(store, settings, name, settings.data_dir / FOLDER)
        print(place)
        open_in_browser(place)


def _load_details(settings: Settings, store: Store, instance: str) -> CandidateDetails:
    pull, rejection = _find_pull(store, instance)
    candidate = store.get_candidate(instance)
    validation = store.get_validation(instance) if candidate else None
    details = CandidateDetails(
        pull=pull,
        rejection=rejection,
        candidate=candidate,
        validation=validation,
        certification=store.certifications.newest([instance]).get(instance),
        address=pull_address(pull.repo, pull.number, settings.github_api_url),
    )
    return _add_log(store, details, validation) if validation else details


def _add_log(store: Store, details: CandidateDetails, validation: Validation) -> CandidateDetails:
    """Add the end of the log that explains a rejection; a log that is lost hides nothing else."""
    log = find_explaining_log(validation)
    if log is None:
        return details
    try:
        tail = last_lines(read_log(store, log), TAIL_LINES)
    except StoreError as error:
        tail = [str(error)]
    command = complete_commands(f"curate logs {validation.instance_id} {log.command}")
    return replace(details, log_title=log.title, log_tail=tail, log_command=command)


def _find_pull(store: Store, instance: str) -> tuple[PullRequest, Rejection | None]:
    repo, number = parse_pull_name(instance) or ("", 0)
    pull = store.get_pull(repo, number) if repo else None
    if pull is None:
        raise explain_unknown_id(store, instance)
    return pull, store.get_rejection(repo, number)


def _make_document(details: CandidateDetails) -> dict[str, Any]:
    return {
        "pull": _to_json_value(details.pull),
        "address": details.address,
        "candidate": _to_json_value(details.candidate) if details.candidate else None,
        "validation": _to_json_value(details.validation) if details.validation else None,
        "certification": (_to_json_value(details.certification) if details.certification else None),
        "rejection": _to_json_value(details.rejection) if details.rejection else None,
        "excluded": [
            {"reason": problem.reason, "detail": problem.detail} for problem in details.exclusions
        ],
    }


def _to_json_value(value: object) -> Any:
    return json.loads(to_json(value))
