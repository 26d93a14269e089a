"""`curate logs`: what test runs, locks and builds of a candidate printed."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from curate.cli.candidate_text import show_symbols
from curate.cli.common import JsonOption, get_settings, open_existing_store, print_json, resolve_ids
from curate.core.errors import NotFoundError
from curate.core.model import Validation
from curate.store import Store
from curate.store.stored_logs import StoredLog, list_logs, read_log
from curate.store.unknown_ids import explain_unknown_id

EXAMPLE = "Example: [bold]curate logs getmoto__moto-4848 --side after --run 1[/bold]"


class Side(StrEnum):
    """Without or with the gold patch."""

    BEFORE = "before"
    AFTER = "after"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs", epilog=EXAMPLE)(logs_command)


def logs_command(
    context: typer.Context,
    instance: Annotated[str, typer.Argument(metavar="ID", help="A candidate.")],
    side: Annotated[
        Side | None, typer.Option(help="Only runs before or after the gold patch.")
    ] = None,
    run: Annotated[int | None, typer.Option(min=1, help="Only the run of this number.")] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Only what locks and builds printed that failed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what a candidate's test runs printed, and locks and builds that failed.

    Several logs come one after the other, each with a title; a single one is printed as it is.
    """
    with open_existing_store(get_settings(context)) as store:
        (name,) = resolve_ids(store, [instance])
        logs = [
            log
            for log in list_logs(_get_validation(store, name))
            if _is_chosen(log, side=side, number=run, build=build)
        ]
        if not logs:
            raise NotFoundError(
                f"No such log of {name} is stored.", hint=f"List its runs: curate show {name}"
            )
        texts = [read_log(store, log) for log in logs]
    if as_json:
        print_json([_make_document(*each) for each in zip(logs, texts, strict=True)])
        return
    for log, text in zip(logs, texts, strict=True):
        title = f"==> {log.title} <==\n" if len(logs) > 1 else ""
        shown = show_symbols(text) if sys.stdout.isatty() else text
        sys.stdout.write(title + shown + ("" if shown.endswith("\n") else "\n"))


def _is_chosen(log: StoredLog, *, side: Side | None, number: int | None, build: bool) -> bool:
    if log.run is None:
        return build or (side is None and number is None)
    if build:
        return False
    is_side = side is None or log.run.side == side.value
    return is_side and (number is None or log.run.index == number - 1)


def _get_validation(store: Store, instance: str) -> Validation:
    validation = store.get_validation(instance)
    if validation:
        return validation
    if store.get_candidate(instance):
        hint = f"Run: curate validate {instance}"
        raise NotFoundError(f"{instance} has not been validated.", hint=hint)
    raise explain_unknown_id(store, instance)


def _make_document(log: StoredLog, text: str) -> dict[str, object]:
    run = log.run
    number = run.index + 1 if run else None
    return {"title": log.title, "side": run and run.side, "run": number, "log": text}
