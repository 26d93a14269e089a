"""`curate show`: everything known of one candidate."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from curate.cli.common import open_store, print_json, settings_of
from curate.cli.holding import held_of
from curate.errors import NotFound
from curate.model import Candidate, PullRequest, Rejection, Validation
from curate.publishing.rows import Problem
from curate.store import Store
from curate.store.codec import to_json

EXAMPLE = "Example: [bold]curate show getmoto__moto-4848 --json[/bold]"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show", epilog=EXAMPLE)(show)


def show(
    context: typer.Context,
    instances: Annotated[list[str], typer.Argument(metavar="ID", help="owner__name-NUMBER")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; of several, one document a line.")
    ] = False,
) -> None:
    """Show links, commits, lock, runs, per-test outcomes, verdict, and what holds it back."""
    console, settings = Console(highlight=False), settings_of(context)
    with open_store(settings) as store:
        every = [_known(store, instance) for instance in instances]
        held = held_of(settings, store) if any(known.verified for known in every) else {}
        for known in [replace(it, held=held.get(it.name, ())) for it in every]:
            if not as_json:
                _print(console, known)
            elif len(instances) == 1:
                print_json(_document(known))
            else:
                print(json.dumps(_document(known), ensure_ascii=False, default=str))


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the store has of one pull."""

    pull: PullRequest
    fallen: Rejection | None
    candidate: Candidate | None
    validation: Validation | None
    held: Sequence[Problem] = ()  # why a release lacks it, though it is verified

    @property
    def name(self) -> str:
        return self.candidate.instance_id if self.candidate else ""

    @property
    def verified(self) -> bool:
        return self.validation is not None and self.validation.verified


def _known(store: Store, instance: str) -> _Known:
    pull, fallen = _pull(store, instance)
    candidate = store.candidate(instance)
    return _Known(
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


def _document(known: _Known) -> dict[str, Any]:
    return {
        "pull": _plain(known.pull),
        "candidate": _plain(known.candidate) if known.candidate else None,
        "validation": _plain(known.validation) if known.validation else None,
        "rejection": _plain(known.fallen) if known.fallen else None,
        "held": [{"reason": problem.reason, "detail": problem.detail} for problem in known.held],
    }


def _plain(value: object) -> Any:
    return json.loads(to_json(value))


def _print(console: Console, known: _Known) -> None:
    pull, fallen, candidate = known.pull, known.fallen, known.candidate
    console.print(f"[bold]{escape(pull.title)}[/bold]  {pull.repo}#{pull.number}")
    console.print(f"opened {pull.created_at:%Y-%m-%d}, merged {pull.merged_at:%Y-%m-%d}")
    if fallen:
        console.print(f"[red]rejected[/red] {fallen.stage}/{fallen.reason} {escape(fallen.detail)}")
    if candidate:
        _print_candidate(console, candidate)
    if known.validation:
        _print_validation(console, known.validation)
    elif candidate:
        console.print(f"not validated yet: curate validate {candidate.instance_id}")
    for problem in known.held:
        console.print(f"[yellow]held back[/yellow] from a release: {escape(str(problem))}")


def _print_candidate(console: Console, candidate: Candidate) -> None:
    links = ", ".join(f"{k.repo}#{k.number} ({', '.join(k.sources)})" for k in candidate.links)
    console.print(f"base {candidate.base_commit} by {candidate.base_rule}")
    console.print(f"version {candidate.version or '?'}, closes {links}")
    console.print(
        f"gold patch {len(candidate.patch):,} B, test patch {len(candidate.test_patch):,} B"
    )


def _print_validation(console: Console, validation: Validation) -> None:
    env, verdict = validation.environment, validation.verdict
    if env:
        size = ", ".join(f"{k} {v / 1e6:.1f} MB" for k, v in env.layer_bytes.items())
        console.print(f"python {env.python}, packages as of {env.cutoff:%Y-%m-%d}, {env.backend}")
        console.print(f"lock {env.lock_seconds:.1f} s, build {env.build_seconds:.1f} s, {size}")
        for repair in env.repairs:
            console.print(f"  repaired: {escape(repair)}")
    for attempt in validation.attempts if len(validation.attempts) > 1 else ():
        console.print(f"  tried {escape(attempt)}")
    console.print(f"tests: {escape(validation.test_command)}")
    table = Table("run", "ended", "outcomes", "seconds")
    for run in validation.runs:
        counts = ", ".join(f"{n} {o}" for o, n in Counter(run.outcomes.values()).most_common())
        table.add_row(f"{run.side} {run.index + 1}", run.status, counts, f"{run.seconds:.1f}")
    console.print(table)
    if verdict.rejection:
        why = verdict.rejection
        console.print(f"[red]rejected[/red] {why.stage}/{why.reason}: {escape(why.detail)}")
    for title, names in (
        ("FAIL_TO_PASS", verdict.fail_to_pass),
        ("quarantined", verdict.quarantined),
    ):
        for name in names:
            console.print(
                f"  {title} {escape(name)}", style="" if title == "quarantined" else "green"
            )
    console.print(f"  PASS_TO_PASS {len(verdict.pass_to_pass)} tests")
    if validation.strength:
        found = validation.strength
        console.print(f"  {len(found.unnoticed)} of {len(found.pieces)} pieces of gold unnoticed")
        for name in found.unnoticed:
            console.print(f"    {escape(name)}", style="yellow")
