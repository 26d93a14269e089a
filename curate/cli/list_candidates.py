"""`curate list`: ids of candidates, and of rejected PRs, by state and reason."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from curate.cli.common import (
    JsonOption,
    describe_empty_store,
    err_console,
    find_known_repo,
    get_settings,
    has_store,
    not_crawled,
    open_store,
    read_repo_name,
)
from curate.cli.suggestions import complete_commands
from curate.core.near_words import suggest_word
from curate.core.reasons import list_reasons
from curate.core.settings import Settings
from curate.store import Store
from curate.store.listing import ListedPull, ListingFilter, list_pulls
from curate.store.unknown_ids import is_store_empty

EXAMPLE = "Example: [bold]curate list --state rejected --reason flaky-tests | cut -f1[/bold]"

EXAMINE = "curate list --state excluded"  # examines every verified instance


class ListedState(StrEnum):
    """Which pull requests to list."""

    CANDIDATE = "candidate"
    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"
    EXCLUDED = "excluded"


ExcludedReasons = Mapping[str, Sequence[str]]  # by instance id


@dataclass(frozen=True, kw_only=True)
class _Selection:
    """What the store cannot select: reasons, and exclusions from a release."""

    reason: str
    is_excluded: bool  # only instances that a release excludes
    excluded: ExcludedReasons

    def includes(self, one: ListedPull) -> bool:
        reasons = self.excluded.get(one.instance_id, ())
        if self.is_excluded and not reasons:
            return False
        return not self.reason or self.reason in {
            *(one.reason, f"{one.stage}/{one.reason}"),
            *reasons,
            *(f"excluded/{each}" for each in reasons),
        }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list", epilog=EXAMPLE)(list_command)


def list_command(
    context: typer.Context,
    repo: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="PRs of this repository.")
    ] = None,
    state: Annotated[
        ListedState | None, typer.Option(help="Only this state. (default: every candidate)")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="Rejected or excluded for this reason.")
    ] = "",
    where: Annotated[str, typer.Option(metavar="SQL", help="Condition on the columns.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List candidates: id, state and reason in one line each, separated by tabs.

    `pending` has no verdict yet. `rejected` includes the PRs that the crawl rejected. `excluded`
    is verified, but kept out of a release by the setting `release_filters`. A reason is written as
    in `curate status`, with or without its stage. The condition may use the columns instance_id,
    repo, number, state, stage, reason, detail, finished_at, work_seconds, unique_bytes, created_at
    and version.
    """
    settings = get_settings(context)
    if not has_store(settings):
        if repo:
            raise not_crawled(read_repo_name(repo))
        (_write_json if as_json else _write_lines)(iter(()), {})
        err_console.print(describe_empty_store(settings), soft_wrap=True)
        return
    with open_store(settings) as store:
        chosen = ListingFilter(
            repo=find_known_repo(repo, store) if repo else "",
            states=_stored_states(state),
            candidates_only=state is not ListedState.REJECTED and not reason,
            where=where,
        )
        selection = _Selection(
            reason=reason,
            is_excluded=state is ListedState.EXCLUDED,
            excluded=_excluded_reasons(
                settings,
                store,
                state,
                asks_exclusions=bool(reason) or state is ListedState.EXCLUDED,
            ),
        )
        rows = filter(selection.includes, list_pulls(settings.data_dir, chosen))
        count = (_write_json if as_json else _write_lines)(rows, selection.excluded)
        is_empty = not count and is_store_empty(store)
    if is_empty:
        err_console.print(describe_empty_store(settings), soft_wrap=True)
    elif not count:
        command = complete_commands("curate status")
        near = suggest_word(reason, list_reasons()) if reason else ""
        text = f"Nothing matches. {near} Counts by reason: {command}"
        err_console.print(" ".join(text.split()), markup=False, soft_wrap=True)


def _stored_states(state: ListedState | None) -> tuple[str, ...]:
    if state in {None, ListedState.CANDIDATE}:
        return ()
    return ("verified",) if state is ListedState.EXCLUDED else (str(state),)


def _excluded_reasons(
    settings: Settings, store: Store, state: ListedState | None, *, asks_exclusions: bool
) -> ExcludedReasons:
    """Reasons of verified instances that a release excludes; only computed if any is listed.

    Unless they are asked for, what takes long to find is left out, which is said.
    """
    has_none = state in {ListedState.PENDING, ListedState.REJECTED}
    if has_none or not any(funnel.verified for funnel in store.list_funnels()):
        return {}
    from curate.publish.excluded import excluded_instances, known_exclusions

    if asks_exclusions:
        found = excluded_instances(settings, store)
    else:
        known = known_exclusions(settings, store)
        found = known.exclusions
        if known.unknown:
            text = f"{known.unknown:,} instances are not examined by release filters yet."
            err_console.print(f"{text} See: {complete_commands(EXAMINE)}", soft_wrap=True)
    return {name: list(dict.fromkeys(it.reason for it in each)) for name, each in found.items()}


def _write_lines(rows: Iterator[ListedPull], excluded: ExcludedReasons) -> int:
    count = 0
    for one in rows:
        count += 1
        why = f"{one.stage}/{one.reason}" if one.stage else ""
        why = ", ".join([*([why] if why else []), *_prefixed(excluded.get(one.instance_id, ()))])
        sys.stdout.write(f"{one.instance_id}\t{one.state}\t{why}".rstrip() + "\n")
    return count


def _prefixed(reasons: Sequence[str]) -> list[str]:
    return [f"excluded/{reason}" for reason in reasons]


def _write_json(rows: Iterator[ListedPull], excluded: ExcludedReasons) -> int:
    """One JSON array with one row per line, written as the rows come."""
    count = 0
    sys.stdout.write("[")
    for one in rows:
        count += 1
        row = {**vars(one), "excluded": excluded.get(one.instance_id, [])}
        sys.stdout.write((",\n" if count > 1 else "\n") + json.dumps(row, ensure_ascii=False))
    sys.stdout.write("\n]\n" if count else "]\n")
    return count
