"""`curate show`: everything known of one candidate."""

import json
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console

from curate.cli.candidate_text import Known, print_text
from curate.cli.common import open_store, print_json, settings_of
from curate.core.errors import NotFound
from curate.core.model import PullRequest, Rejection
from curate.publish.excluded import held_of
from curate.store import Store
from curate.store.serialization import to_json

EXAMPLE = "Example: [bold]curate show getmoto__moto-4848 --json[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show", epilog=EXAMPLE)(show)


def show(
    context: typer.Context,
    instances: Annotated[list[str], typer.Argument(metavar="ID", help="owner__name-NUMBER")],
    full: Annotated[
        bool, typer.Option("--full", help="Print long texts and patches to their end.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; of several, one document a line.")
    ] = False,
) -> None:
    """Show a task as a person reads it: the issue, the failing tests, the patches, the verdict.

    Also its links, commits, environment, runs, and why a release lacks it.
    """
    console, settings = Console(highlight=False), settings_of(context)
    with open_store(settings) as store:
        every = [_known(store, instance) for instance in instances]
        held = held_of(settings, store) if any(known.verified for known in every) else {}
        for known in [replace(it, held=held.get(it.name, ())) for it in every]:
            if not as_json:
                print_text(console, known, full=full)
            elif len(instances) == 1:
                print_json(_document(known))
            else:
                print(json.dumps(_document(known), ensure_ascii=False, default=str))


def _known(store: Store, instance: str) -> Known:
    pull, fallen = _pull(store, instance)
    candidate = store.candidate(instance)
    return Known(
        pull=pull,
        fallen=fallen,
        candidate=candidate,
        validation=store.validation(instance) if candidate else None,
    )


def _pull(store: Store, instance: str) -> tuple[PullRequest, Rejection | None]:
    name, _, number = instance.rpartition("-")
    repo = name.replace("__", "/", 1)
    pull = store.pull(repo, int(number)) if number.isdigit() else None
    if pull is None:
        raise NotFound(
            f"Nothing is stored under {instance}.",
            hint="Ids look like owner__name-123; `curate export --split raw` lists them.",
        )
    return pull, store.rejection(repo, int(number))


def _document(known: Known) -> dict[str, Any]:
    return {
        "pull": _plain(known.pull),
        "candidate": _plain(known.candidate) if known.candidate else None,
        "validation": _plain(known.validation) if known.validation else None,
        "rejection": _plain(known.fallen) if known.fallen else None,
        "held": [{"reason": problem.reason, "detail": problem.detail} for problem in known.held],
    }


def _plain(value: object) -> Any:
    return json.loads(to_json(value))
