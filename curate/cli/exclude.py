"""`curate exclude`: a person's judgement that a candidate must not be published."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from curate.builders.rfc3339 import format_rfc3339
from curate.cli.candidate_text import show_symbols
from curate.cli.common import (
    JsonOption,
    err_console,
    get_settings,
    open_existing_store,
    print_json,
    resolve_ids,
)
from curate.cli.console import WholeLineConsole
from curate.cli.tables import TextTable, print_table
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.model import ManualExclusion
from curate.store import Store
from curate.store.unknown_ids import explain_unknown_id

EXAMPLE = 'Example: [bold]curate exclude getmoto__moto-4848 --reason "names a person"[/bold]'


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("exclude", epilog=EXAMPLE)(exclude_command)


def exclude_command(
    context: typer.Context,
    instances: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="owner__name-NUMBER")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for others to read.")] = "",
    author: Annotated[str, typer.Option(metavar="NAME", help="(default: your login name)")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take exclusions back.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List all exclusions.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep candidates out of every release, with a reason; `status` and `show` name it.

    The judgment stays when the candidate is crawled or validated again.
    """
    _check_options(instances or [], reason.strip(), undo=undo, list_all=list_all)
    with open_existing_store(get_settings(context)) as store:
        if list_all:
            _print_exclusions(list(store.manual_exclusions.read_all().values()), as_json=as_json)
            return
        names = resolve_ids(store, instances or [])
        changed = _undo(store, names) if undo else _exclude(store, names, reason.strip(), author)
    if as_json:
        print_json([_as_document(each) for each in changed])
    for each in changed:
        verb = "included again" if undo else f"excluded: {each.reason}"
        err_console.print(f"{each.instance_id} {verb}", markup=False, soft_wrap=True)


def _check_options(names: Sequence[str], reason: str, *, undo: bool, list_all: bool) -> None:
    if list_all:
        if names or undo or reason:
            raise ConfigurationError("--list takes no IDs and no other option than --json.")
    elif not names:
        raise ConfigurationError("No ID given.", hint="See all exclusions: curate exclude --list")
    elif undo == bool(reason):
        hint = f"For example: curate exclude {names[0]} --reason 'needs a GPU'"
        raise ConfigurationError("Give either --reason TEXT or --undo.", hint=hint)


def _exclude(
    store: Store, names: Sequence[str], reason: str, author: str
) -> Sequence[ManualExclusion]:
    known = store.candidate_hashes()
    unknown = [name for name in names if name not in known]
    if len(unknown) == 1:
        raise explain_unknown_id(store, unknown[0])
    _require_none(unknown, "Unknown")
    made = [
        ManualExclusion(
            instance_id=name,
            reason=reason,
            author=author or _login_name(),
            excluded_at=datetime.now(UTC).replace(microsecond=0),
        )
        for name in names
    ]
    store.manual_exclusions.save(made)
    return made


def _undo(store: Store, names: Sequence[str]) -> Sequence[ManualExclusion]:
    known = store.manual_exclusions.read_all()
    _require_none([name for name in names if name not in known], "Not excluded")
    store.manual_exclusions.delete(names)
    return [known[name] for name in names]


def _require_none(names: Sequence[str], problem: str) -> None:
    if names:
        raise NotFoundError(
            f"{problem}: {', '.join(names)}. Nothing was changed.",
            hint="See all exclusions: curate exclude --list",
        )


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _as_document(one: ManualExclusion) -> dict[str, str]:
    return {**vars(one), "excluded_at": format_rfc3339(one.excluded_at)}


def _print_exclusions(exclusions: Sequence[ManualExclusion], *, as_json: bool) -> None:
    if as_json:
        print_json([_as_document(each) for each in exclusions])
        return
    console = WholeLineConsole()
    if not exclusions:
        console.print("No candidate is excluded by a person.")
        return
    rows = []
    for each in exclusions:
        cells = (each.instance_id, each.author, f"{each.excluded_at:%Y-%m-%d}", each.reason)
        rows.append([show_symbols(" ".join(cell.split())) for cell in cells])
    columns = ("candidate", "by", "date", "reason")
    print_table(console, TextTable(columns=columns, rows=rows))
