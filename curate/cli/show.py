"""`curate show`: everything known about one candidate."""

import json
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console

from curate.cli.candidate_text import CandidateDetails, print_candidate
from curate.cli.common import err_console, get_settings, open_store, print_json
from curate.core.errors import NotFoundError
from curate.core.model import PullRequest, Rejection
from curate.publish.excluded import instance_exclusions
from curate.store import Store
from curate.store.serialization import to_json

EXAMPLE = "Example: [bold]curate show getmoto__moto-4848 --json[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show", epilog=EXAMPLE)(show_command)


def show_command(
    context: typer.Context,
    instances: Annotated[list[str], typer.Argument(metavar="ID", help="owner__name-NUMBER")],
    full: Annotated[
        bool, typer.Option("--full", help="Print long texts and patches in full.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; for several IDs, one document per line.")
    ] = False,
) -> None:
    """Show a task as a person reads it: the issue, the failing tests, the patches, the verdict.

    Also its links, commits, environment, test runs, and why a release excludes it.
    """
    console, settings = Console(highlight=False), get_settings(context)
    with open_store(settings) as store:
        every = [_load_details(store, instance) for instance in instances]
        known = instance_exclusions(settings, store, [it.name for it in every])
        if known.unknown:
            text = "Not compared with other instances yet. For near-duplicates see:"
            err_console.print(f"{text} curate publish check", soft_wrap=True)
        for details in [replace(it, exclusions=known.exclusions.get(it.name, ())) for it in every]:
            if not as_json:
                print_candidate(console, details, full=full)
            elif len(instances) == 1:
                print_json(_make_document(details))
            else:
                print(json.dumps(_make_document(details), ensure_ascii=False, default=str))


def _load_details(store: Store, instance: str) -> CandidateDetails:
    pull, rejection = _find_pull(store, instance)
    candidate = store.get_candidate(instance)
    return CandidateDetails(
        pull=pull,
        rejection=rejection,
        candidate=candidate,
        validation=store.get_validation(instance) if candidate else None,
    )


def _find_pull(store: Store, instance: str) -> tuple[PullRequest, Rejection | None]:
    name, _, number = instance.rpartition("-")
    repo = name.replace("__", "/", 1)
    pull = store.get_pull(repo, int(number)) if number.isdigit() else None
    if pull is None:
        raise NotFoundError(
            f"Unknown id {instance}.",
            hint="Ids look like owner__name-123."
            " List them: curate export --split raw --format jsonl -",
        )
    return pull, store.get_rejection(repo, int(number))


def _make_document(details: CandidateDetails) -> dict[str, Any]:
    return {
        "pull": _to_json_value(details.pull),
        "candidate": _to_json_value(details.candidate) if details.candidate else None,
        "validation": _to_json_value(details.validation) if details.validation else None,
        "rejection": _to_json_value(details.rejection) if details.rejection else None,
        "excluded": [
            {"reason": problem.reason, "detail": problem.detail} for problem in details.exclusions
        ],
    }


def _to_json_value(value: object) -> Any:
    return json.loads(to_json(value))
