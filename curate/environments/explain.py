"""Why a candidate gets its environment: the validation plan in detail.

Nothing is decided here: all facts come from the plan, the store and the backend.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from curate.builders.backends.protocol import Backend
from curate.builders.images.install_script import install_commands
from curate.builders.lock.initial_changes import initial_changes
from curate.builders.model import Failure, RequirementsLock
from curate.builders.python.choose import available_pythons
from curate.builders.requirements import Manifest
from curate.core.model import Candidate, Rejection, Validation
from curate.core.settings import Settings
from curate.environments.ask_backend import find_stored_reply
from curate.environments.build import choose_lock, find_lock, make_instance_spec
from curate.environments.plan import ValidationPlan, plan_validation
from curate.environments.variants import RequirementsVariant
from curate.git.locations import require_mirror
from curate.recipes import RecipeLibrary
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class VariantExplanation:
    """One variant of the declared requirements, and its lock, stored or to be resolved."""

    requirements_from: str  # "base" or "gold"
    python: str
    python_reason: str
    date: datetime  # that the environment is built for
    cutoff: datetime  # of the lock that is tried first, which other candidates share
    read: tuple[str, ...]  # requirement files that were read
    declared: Mapping[str, tuple[str, ...]]  # requirement lines by origin: a file, extra, group …
    constraints: tuple[str, ...]
    absent: tuple[str, ...]  # sources named in the recipe but missing at the commit
    left_out: tuple[str, ...]  # one sentence each
    backend: tuple[str, ...]  # what the build back-end was asked, and what it answered
    lock_adjustments: tuple[str, ...]  # of the stored lock, else those made before resolving
    locked: tuple[str, ...] | None  # packages of the stored lock; None without one
    names: Mapping[str, str]  # image layer names, which depend on the lock; empty without one
    install: tuple[str, ...]  # lines of the install script


@dataclass(frozen=True, kw_only=True)
class PlanExplanation:
    """The recipe range, environment and tests of a plan."""

    range: str  # `versions` of the recipe's range, "" for all
    recipe_hash: str
    system_packages: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    test_command: str
    data_files: tuple[str, ...] = ()  # changed files whose tests are found in the sandbox
    variants: tuple[VariantExplanation, ...]  # in the order in which they are tried


@dataclass(frozen=True, kw_only=True)
class CandidateExplanation:
    """The plan of one candidate, or why it has none, and its latest validation."""

    candidate: Candidate
    recipe: Path | None
    version_rule: str
    plan: PlanExplanation | Rejection
    validation: Validation | None


def explain_candidate(
    candidate: Candidate,
    settings: Settings,
    store: Store,
    library: RecipeLibrary,
    backend: Backend,
) -> CandidateExplanation:
    """Explain how a validation would plan *candidate*."""
    recipe = library.get_recipe(candidate.repo)

    def get_mirror(repo: str) -> Path:
        return require_mirror(settings, repo)

    pythons = available_pythons(settings.python_install_dir)
    ask = partial(find_stored_reply, store, backend.name, get_mirror)
    plan = plan_validation(candidate, recipe, get_mirror(candidate.repo), pythons, ask)
    rule = recipe.version
    return CandidateExplanation(
        candidate=candidate,
        recipe=library.find_path(candidate.repo),
        version_rule=f"from {rule.file}" if rule.rule == "file" else "from the nearest tag",
        plan=plan
        if isinstance(plan, Rejection)
        else explain_plan(plan, store, backend, get_mirror),
        validation=store.get_validation(candidate.instance_id),
    )


def explain_plan(
    plan: ValidationPlan, store: Store, backend: Backend, get_mirror: Callable[[str], Path]
) -> PlanExplanation:
    """Explain *plan* with the locks in *store* and the layer names of *backend*."""
    return PlanExplanation(
        range=plan.env.versions,
        recipe_hash=plan.recipe.compute_hash(plan.env),
        system_packages=plan.env.system_packages,
        variables=plan.env.env_vars,
        test_command=plan.selection.build_command(plan.env, plan.recipe.data_driven_tests),
        data_files=tuple(file.path for file in plan.selection.data_files),
        variants=tuple(
            _explain_variant(plan, it, store, backend, get_mirror) for it in plan.variants
        ),
    )


def _explain_variant(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    store: Store,
    backend: Backend,
    get_mirror: Callable[[str], Path],
) -> VariantExplanation:
    manifest = variant.manifest
    lock = choose_lock(variant, lambda cutoff: find_lock(variant, cutoff, store))
    effective_lock = lock or RequirementsLock(
        text="", python=variant.python, exclude_newer=variant.cutoff
    )
    spec = make_instance_spec(plan, variant, effective_lock, get_mirror)
    names = backend.layer_names(spec) if lock else {}
    adjustments = (
        lock.adjustments if lock else tuple(it.sentence for it in initial_changes(manifest))
    )
    return VariantExplanation(
        requirements_from=variant.requirements_from,
        python=variant.python,
        python_reason=variant.reason,
        date=variant.date,
        cutoff=effective_lock.exclude_newer,
        read=manifest.files,
        declared=_group_by_origin(manifest),
        constraints=manifest.constraints,
        absent=manifest.missing_sources,
        backend=tuple(_describe_reply(variant)),
        left_out=(*manifest.notes, *manifest.excluded),
        lock_adjustments=adjustments,
        locked=lock.packages if lock else None,
        names={} if isinstance(names, Failure) else names,
        install=tuple(install_commands(spec)),
    )


def _describe_reply(variant: RequirementsVariant) -> Iterator[str]:
    """Yield why the build back-end is asked, where its reply is from, and what it requires."""
    yield from (f"asked because: {it}" for it in variant.uncertain)
    reply = variant.reply
    if not variant.uncertain:
        yield "not asked: all requirements could be read; the install is compared with the lock"
    elif reply is None:
        yield "no answer is stored yet; it is asked at validation"
    elif reply.answer is None:
        yield f"asked at {reply.commit[:12]}, without an answer: {reply.error}"
    else:
        # Metadata in the checkout are made by the back-end itself.
        files = ", ".join(it for it in reply.record.read if ".egg-info/" not in it)
        yield f"answered at {reply.commit[:12]} in {reply.seconds:.1f} s, from {files}"
        yield f"requires {', '.join(reply.answer.requires) or 'nothing'}"


def _group_by_origin(manifest: Manifest) -> Mapping[str, tuple[str, ...]]:
    """Group requirement lines by origin; a file that adds no line of its own is kept, empty."""
    found: dict[str, list[str]] = {}
    for item in manifest.requirements:
        found.setdefault(item.origin, []).append(item.line)
    empty: dict[str, tuple[str, ...]] = dict.fromkeys(manifest.files, ())
    return empty | {origin: tuple(lines) for origin, lines in found.items()}
