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
from curate.cli.common import get_settings, load_library, open_store, print_json
from curate.cli.validate import SandboxKind
from curate.core.model import Candidate, Rejection, Validation
from curate.core.settings import Settings
from curate.environments.explain import PlanExplanation, VariantExplanation, explain_plan
from curate.environments.plan import plan_validation
from curate.git.locations import require_mirror
from curate.store import Store
from curate.store.serialization import to_json
from curate.validate.pool import candidates_by_id

EXAMPLE = "Example: [bold]curate recipe explain getmoto__moto-4847[/bold]"


@dataclass(frozen=True, kw_only=True)
class CandidateExplanation:
    """What is known of one candidate: its plan, or why it has none, and its newest validation."""

    candidate: Candidate
    recipe: Path | None
    version_rule: str
    plan: PlanExplanation | Rejection
    validation: Validation | None


def explain_command(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Candidates.")],
    sandbox: Annotated[
        SandboxKind, typer.Option(help="Whose layer names to tell: docker's or local's.")
    ] = SandboxKind.DOCKER,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; of several, one document a line.")
    ] = False,
) -> None:
    """Tell how a candidate's environment is decided, by the plan that validation makes.

    Before a validation: range, interpreter, what each requirement file gives, what is left out,
    install and test command. After it also the lock, its repairs, and the names of the layers.
    """
    settings = get_settings(context)
    console = Console(highlight=False, soft_wrap=True)
    backend = _make_naming_backend(sandbox, settings)
    with open_store(settings) as store:
        for candidate in candidates_by_id(store, ids):
            explanation = _explain_candidate(candidate, settings, store, backend)
            if not as_json:
                _print_explanation(console, explanation)
            elif len(ids) == 1:
                print_json(_make_document(explanation))
            else:
                print(json.dumps(_make_document(explanation), ensure_ascii=False))


def _make_naming_backend(sandbox: SandboxKind, settings: Settings) -> Backend:
    """A backend that is only asked for names: no engine need answer."""
    if sandbox is SandboxKind.LOCAL:
        from builders.backends.local import LocalBackend

        return LocalBackend(settings.build_settings())
    from builders.backends.docker import DockerBackend

    return DockerBackend(settings.build_settings())


def _explain_candidate(
    candidate: Candidate, settings: Settings, store: Store, backend: Backend
) -> CandidateExplanation:
    library = load_library(settings)
    recipe = library.get_recipe(candidate.repo)

    def mirrors(repo: str) -> Path:
        return require_mirror(settings, repo)

    pythons = available_pythons(settings.python_install_dir)
    plan = plan_validation(candidate, recipe, mirrors(candidate.repo), pythons)
    rule = recipe.version
    return CandidateExplanation(
        candidate=candidate,
        recipe=library.find_path(candidate.repo),
        version_rule=f"in {rule.file}" if rule.rule == "file" else "by the nearest tag",
        plan=plan if isinstance(plan, Rejection) else explain_plan(plan, store, backend, mirrors),
        validation=store.get_validation(candidate.instance_id),
    )


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
    console.print(f"[bold]{candidate.instance_id}[/bold]  base {candidate.base_commit}")
    _print_row(console, "version", f"{candidate.version or 'unknown'}, {explanation.version_rule}")
    _print_row(console, "recipe", str(explanation.recipe or "none: the defaults"))
    if isinstance(plan, Rejection):
        _print_row(console, "rejected", f"{plan.stage}/{plan.reason} {plan.detail}".strip())
        return
    _print_row(console, "range", plan.range or "all versions")
    _print_row(console, "tests", plan.test_command)
    _print_row(console, "system", " ".join(plan.system_packages))
    _print_row(console, "variables", _format_assignments(plan.variables))
    for variant in plan.variants:
        _print_variant(console, variant)
    if explanation.validation:
        _print_validation(console, explanation.validation, plan)
    else:
        console.print(f"not validated yet: curate validate {candidate.instance_id}")


def _print_variant(console: Console, variant: VariantExplanation) -> None:
    console.print(f"[bold]requirements of {variant.requirements_from}[/bold]")
    _print_row(console, "python", f"{variant.python}: {variant.python_reason}")
    _print_row(console, "cut-off", f"{variant.cutoff:%Y-%m-%d %H:%M %Z}")
    for origin, lines in variant.declared.items():
        _print_row(console, f"{len(lines):>3} from", f"{origin}: {', '.join(lines)}")
    _print_row(console, "bounds", ", ".join(variant.constraints))
    _print_row(console, "not there", ", ".join(variant.absent))
    _print_rows(console, "left out", variant.left_out)
    _print_rows(console, "adjustment", variant.lock_adjustments)
    if variant.locked is None:
        _print_row(
            console, "lock", "none yet: it is resolved at validation, and more may be repaired"
        )
    else:
        _print_row(console, "lock", f"{len(variant.locked)} packages: {' '.join(variant.locked)}")
    _print_rows(console, "layer", [f"{name} {key}" for name, key in variant.names.items()])
    _print_rows(console, "install", variant.install)


def _print_validation(console: Console, validation: Validation, plan: PlanExplanation) -> None:
    why, env = validation.verdict.rejection, validation.environment
    console.print("[bold]validation[/bold]")
    _print_row(console, "verdict", f"{why.stage}/{why.reason}" if why else "verified")
    _print_rows(console, "tried", validation.attempts)
    if env:
        _print_row(
            console,
            "ran in",
            f"requirements of {env.requirements_from} as of {env.exclude_newer:%Y-%m-%d}",
        )
        _print_row(console, "image", f"{env.handle} {env.digest}".strip())
        _print_rows(console, "repair", env.lock_adjustments)
    if validation.recipe_hash not in ("", plan.recipe_hash):
        console.print("The recipe has changed since: curate validate does it again.")


def _format_assignments(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value!r}" for name, value in variables.items())


def _print_rows(console: Console, name: str, texts: Iterable[str]) -> None:
    for text in texts:
        _print_row(console, name, text)


def _print_row(console: Console, name: str, text: str) -> None:
    if text:
        console.print(f"  {name:<9}  {escape(text)}")
