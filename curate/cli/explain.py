"""`curate recipe explain`: why a candidate gets the environment it gets."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from curate.cli.common import (
    SandboxKind,
    describe_distance,
    get_settings,
    load_library,
    open_store,
    print_json,
    resolve_ids,
)
from curate.cli.console import WholeLineConsole
from curate.cli.saved_drafts import draft_for_candidates, drafts_folder
from curate.cli.suggestions import complete_commands
from curate.core.model import Rejection, Validation
from curate.environments.context import describe_backend
from curate.environments.explain import (
    CandidateExplanation,
    PlanExplanation,
    VariantExplanation,
    explain_candidate,
)
from curate.environments.test_selection import name_some
from curate.store.serialization import to_json
from curate.validate.pool import candidates_by_id

EXAMPLE = "Example: [bold]curate recipe explain getmoto__moto-4847[/bold]"


def explain_command(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Candidates.")],
    sandbox: Annotated[
        SandboxKind, typer.Option(help="Sandbox whose layers are named.")
    ] = SandboxKind.DOCKER,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; for several IDs, one document per line.")
    ] = False,
) -> None:
    """Explain how a candidate's environment is chosen, from the plan that a validation makes.

    Before a validation: version range, interpreter, requirements by file, what is left out, install
    and test command. Afterwards also the lock, its adjustments, and the image layers.
    """
    settings = get_settings(context)
    console = WholeLineConsole(soft_wrap=True)
    with open_store(settings) as store, drafts_folder(settings, is_kept=False) as drafts:
        library = load_library(settings, drafts)
        backend = describe_backend(sandbox.value, settings, store)
        names = resolve_ids(store, ids)
        draft_for_candidates(names, None, store, settings, library, drafts)
        for candidate in candidates_by_id(store, names):
            explanation = explain_candidate(candidate, settings, store, library, backend)
            if explanation.recipe and explanation.recipe.parent == drafts:
                file = settings.drafted_recipes_dir / explanation.recipe.name  # where it will be
                explanation = replace(explanation, recipe=file)
            if not as_json:
                _print_explanation(console, explanation)
            elif len(names) == 1:
                print_json(_make_document(explanation))
            else:
                print(json.dumps(_make_document(explanation), ensure_ascii=False))


def _make_document(explanation: CandidateExplanation) -> dict[str, Any]:
    plan, validation = explanation.plan, explanation.validation
    is_rejected = isinstance(plan, Rejection)
    return {
        "instance_id": explanation.candidate.instance_id,
        "base_commit": explanation.candidate.base_commit,
        "version": explanation.candidate.version,
        "recipe": str(explanation.recipe or ""),
        "plan": None if is_rejected else json.loads(to_json(plan)),
        "rejection": json.loads(to_json(plan)) if is_rejected else None,
        "validation": json.loads(to_json(validation)) if validation else None,
    }


def _print_explanation(console: Console, explanation: CandidateExplanation) -> None:
    candidate, plan = explanation.candidate, explanation.plan
    console.print(f"[bold]{candidate.instance_id}[/bold]  base commit {candidate.base_commit}")
    _print_row(console, "version", f"{candidate.version or 'unknown'}, {explanation.version_rule}")
    _print_row(console, "recipe", str(explanation.recipe or "none; defaults"))
    if isinstance(plan, Rejection):
        _print_row(console, "rejected", f"{plan.stage}/{plan.reason} {plan.detail}".strip())
        return
    _print_row(console, "range", plan.range or "all versions")
    _print_row(console, "test", plan.test_command)
    if plan.data_files:
        names = name_some(plan.data_files)
        _print_row(console, "data", f"runs the tests of these modules that read {names}")
    _print_row(console, "system", " ".join(plan.system_packages))
    _print_row(console, "variables", _format_assignments(plan.variables))
    for variant in plan.variants:
        _print_variant(console, variant)
    if explanation.validation:
        _print_validation(console, explanation.validation, plan)
    else:
        command = complete_commands(f"curate validate {candidate.instance_id}")
        console.print(f"not validated yet; run: {command}")


def _print_variant(console: Console, variant: VariantExplanation) -> None:
    console.print(f"[bold]{variant.requirements_from} requirements[/bold]")
    _print_row(console, "python", f"{variant.python}: {variant.python_reason}")
    distance = describe_distance(variant.cutoff, variant.date)
    _print_row(console, "cutoff", f"{variant.cutoff:%Y-%m-%d %H:%M %Z}{distance}")
    for origin, lines in variant.declared.items():
        _print_row(console, f"{len(lines):>3} from", f"{origin}: {', '.join(lines)}")
    _print_row(console, "bounds", ", ".join(variant.constraints))
    _print_row(console, "absent", ", ".join(variant.absent))
    _print_rows(console, "left out", variant.left_out)
    _print_rows(console, "back-end", variant.backend)
    _print_rows(console, "adjustment", variant.lock_adjustments)
    if variant.locked is None:
        _print_row(console, "lock", "none yet; it is resolved at validation, which may adjust more")
    else:
        _print_row(console, "lock", f"{len(variant.locked)} packages: {' '.join(variant.locked)}")
    _print_rows(console, "layer", [f"{name} {key}" for name, key in variant.names.items()])
    _print_rows(console, "install", variant.install)


def _print_validation(console: Console, validation: Validation, plan: PlanExplanation) -> None:
    why, env = validation.verdict.rejection, validation.environment
    console.print("[bold]validation[/bold]")
    _print_row(console, "verdict", f"{why.stage}/{why.reason}" if why else "verified")
    attempts = enumerate(validation.attempts, 1)
    _print_rows(console, "attempt", [f"{number}: {attempt}" for number, attempt in attempts])
    if plan.data_files:
        _print_row(console, "test", validation.test_command)
    if env:
        _print_row(
            console,
            "ran in",
            f"{env.requirements_from} requirements as of {env.exclude_newer:%Y-%m-%d}"
            + describe_distance(env.exclude_newer, env.date),
        )
        _print_row(console, "image", f"{env.handle} {env.digest}".strip())
        _print_rows(console, "adjustment", env.lock_adjustments)
    if validation.recipe_hash not in ("", plan.recipe_hash):
        console.print("The recipe has changed since; curate validate runs it again.")


def _format_assignments(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value!r}" for name, value in variables.items())


def _print_rows(console: Console, name: str, texts: Iterable[str]) -> None:
    for text in texts:
        _print_row(console, name, text)


def _print_row(console: Console, name: str, text: str) -> None:
    if text:
        console.print(f"  {name:<10}  {escape(text)}")
