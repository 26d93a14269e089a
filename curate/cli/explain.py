"""`curate recipe explain`: why a candidate gets the environment it gets."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from builders.backends.protocol import Backend
from builders.python.choose import available_pythons
from curate.cli.common import library_of, open_store, print_json, settings_of
from curate.cli.validate import Sandbox
from curate.core.model import Candidate, Rejection, Validation
from curate.core.settings import Settings
from curate.environments.explain import Explanation, GroundFacts, explain
from curate.environments.plan import make_plan
from curate.git.locations import existing_mirror
from curate.store import Store
from curate.store.serialization import to_json
from curate.validate.pool import chosen

EXAMPLE = "Example: [bold]curate recipe explain getmoto__moto-4847[/bold]"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is known of one candidate: its plan, or why it has none, and its newest validation."""

    candidate: Candidate
    recipe: Path | None
    version_rule: str
    plan: Explanation | Rejection
    validation: Validation | None


def command(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Candidates.")],
    sandbox: Annotated[
        Sandbox, typer.Option(help="Whose layer names to tell: docker's or local's.")
    ] = Sandbox.DOCKER,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; of several, one document a line.")
    ] = False,
) -> None:
    """Tell how a candidate's environment is decided, by the plan that validation makes.

    Before a validation: range, interpreter, what each requirement file gives, what is left out,
    install and test command. After it also the lock, its repairs, and the names of the layers.
    """
    settings = settings_of(context)
    console = Console(highlight=False, soft_wrap=True)
    backend = _backend(sandbox, settings)
    with open_store(settings) as store:
        for candidate in chosen(store, ids):
            told = _told(candidate, settings, store, backend)
            if not as_json:
                _print(console, told)
            elif len(ids) == 1:
                print_json(_document(told))
            else:
                print(json.dumps(_document(told), ensure_ascii=False))


def _backend(sandbox: Sandbox, settings: Settings) -> Backend:
    """A backend that is only asked for names: no engine need answer."""
    if sandbox is Sandbox.LOCAL:
        from builders.backends.local import LocalBackend

        return LocalBackend(settings.building())
    from builders.backends.docker import DockerBackend

    return DockerBackend(settings.building())


def _told(candidate: Candidate, settings: Settings, store: Store, backend: Backend) -> Told:
    library = library_of(settings)
    recipe = library.get(candidate.repo)

    def mirrors(repo: str) -> Path:
        return existing_mirror(settings, repo)

    pythons = available_pythons(settings.interpreters)
    plan = make_plan(candidate, recipe, mirrors(candidate.repo), pythons)
    rule = recipe.version
    return Told(
        candidate=candidate,
        recipe=library.path(candidate.repo),
        version_rule=f"in {rule.file}" if rule.rule == "file" else "by the nearest tag",
        plan=plan if isinstance(plan, Rejection) else explain(plan, store, backend, mirrors),
        validation=store.validation(candidate.instance_id),
    )


def _document(told: Told) -> dict[str, Any]:
    plan, validation = told.plan, told.validation
    fallen = isinstance(plan, Rejection)
    return {
        "instance_id": told.candidate.instance_id,
        "base_commit": told.candidate.base_commit,
        "version": told.candidate.version,
        "recipe": str(told.recipe or ""),
        "plan": None if fallen else json.loads(to_json(plan)),
        "rejection": json.loads(to_json(plan)) if fallen else None,
        "validation": json.loads(to_json(validation)) if validation else None,
    }


def _print(console: Console, told: Told) -> None:
    candidate, plan = told.candidate, told.plan
    console.print(f"[bold]{candidate.instance_id}[/bold]  base {candidate.base_commit}")
    _row(console, "version", f"{candidate.version or 'unknown'}, {told.version_rule}")
    _row(console, "recipe", str(told.recipe or "none: the defaults"))
    if isinstance(plan, Rejection):
        _row(console, "rejected", f"{plan.stage}/{plan.reason} {plan.detail}".strip())
        return
    _row(console, "range", plan.range or "all versions")
    _row(console, "tests", plan.test_command)
    _row(console, "system", " ".join(plan.system_packages))
    _row(console, "variables", _assignments(plan.variables))
    for ground in plan.grounds:
        _print_ground(console, ground)
    if told.validation:
        _print_validation(console, told.validation, plan)
    else:
        console.print(f"not validated yet: curate validate {candidate.instance_id}")


def _print_ground(console: Console, ground: GroundFacts) -> None:
    console.print(f"[bold]requirements of {ground.declared_by}[/bold]")
    _row(console, "python", f"{ground.python}: {ground.python_reason}")
    _row(console, "cut-off", f"{ground.cutoff:%Y-%m-%d %H:%M %Z}")
    for origin, lines in ground.declared.items():
        _row(console, f"{len(lines):>3} from", f"{origin}: {', '.join(lines)}")
    _row(console, "bounds", ", ".join(ground.constraints))
    _row(console, "not there", ", ".join(ground.absent))
    _rows(console, "left out", ground.left_out)
    _rows(console, "repair", ground.repairs)
    if ground.locked is None:
        _row(console, "lock", "none yet: it is resolved at validation, and more may be repaired")
    else:
        _row(console, "lock", f"{len(ground.locked)} packages: {' '.join(ground.locked)}")
    _rows(console, "layer", [f"{name} {key}" for name, key in ground.names.items()])
    _rows(console, "install", ground.install)


def _print_validation(console: Console, validation: Validation, plan: Explanation) -> None:
    why, env = validation.verdict.rejection, validation.environment
    console.print("[bold]validation[/bold]")
    _row(console, "verdict", f"{why.stage}/{why.reason}" if why else "verified")
    _rows(console, "tried", validation.attempts)
    if env:
        _row(console, "ran in", f"requirements of {env.declared_by} as of {env.cutoff:%Y-%m-%d}")
        _row(console, "image", f"{env.handle} {env.digest}".strip())
        _rows(console, "repair", env.repairs)
    if validation.recipe_hash not in ("", plan.recipe_hash):
        console.print("The recipe has changed since: curate validate does it again.")


def _assignments(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value!r}" for name, value in variables.items())


def _rows(console: Console, name: str, texts: Iterable[str]) -> None:
    for text in texts:
        _row(console, name, text)


def _row(console: Console, name: str, text: str) -> None:
    if text:
        console.print(f"  {name:<9}  {escape(text)}")
