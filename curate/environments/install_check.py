"""Compare what an installed project requires with the lock of its environment.

Reading may be wrong although it looked certain. The metadata that the install has made are the
build back-end's own answer at the base commit; they are read in the finished instance, offline.
"""

from dataclasses import dataclass, replace

from curate.builders.git.tree import GitTree
from curate.builders.metadata.build_system import render_installed_question
from curate.builders.metadata.parse import parse_installed
from curate.builders.model import (
    BuiltInstance,
    Failure,
    RequirementsLock,
    ResourceLimits,
    RunSpec,
)
from curate.builders.requirements import (
    BackendAnswer,
    Manifest,
    Requirement,
    read_answered_manifest,
)
from curate.builders.requirements.backend_answer import is_line_active, normalize_requirement
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    parse_requirement,
)
from curate.environments.context import ValidationContext
from curate.environments.plan import ValidationPlan
from curate.environments.retry import retry_sandbox_errors
from curate.environments.variants import RequirementsVariant

LIMITS = ResourceLimits(seconds=60, test_seconds=0, memory_bytes=1 << 30, output_bytes=8 << 20)


@dataclass(frozen=True, kw_only=True)
class InstalledMetadata:
    """What the install of an instance says that the project requires; None if it says nothing."""

    answer: BackendAnswer | None


def find_install_correction(
    plan: ValidationPlan,
    variant: RequirementsVariant,
    lock: RequirementsLock,
    built: BuiltInstance,
    ctx: ValidationContext,
) -> Manifest | None:
    """Return the manifest of *variant* with what the installed project requires and *lock* lacks.

    Its notes have a sentence for each change. None if the lock satisfies the project.
    """
    answer = _read_installed(variant, built, ctx)
    if answer is None:
        return None
    mirror, commit = ctx.get_mirror(plan.candidate.repo), plan.candidate.base_commit
    with GitTree(mirror, commit) as tree:
        answered = read_answered_manifest(tree, variant.sources, answer, variant.python)
    if isinstance(answered, Failure):
        return None
    lacking = find_lacking(answered, variant.manifest, lock)
    if not lacking:
        return None
    if variant.requirements_from == "base":
        return answered
    return _add_missing(variant.manifest, lacking)


def find_lacking(
    answered: Manifest, read: Manifest, lock: RequirementsLock
) -> tuple[Requirement, ...]:
    """Return the requirements of *answered* that *read* lacks and *lock* does not satisfy.

    What was read and is not in the lock was adjusted there for a reason.
    """
    known = {normalize_requirement(item.line) for item in read.requirements}
    return tuple(
        item
        for item in answered.requirements
        if normalize_requirement(item.line) not in known
        and is_line_active(item.line, lock.python)
        and not is_satisfied(item.line, lock)
    )


def is_satisfied(line: str, lock: RequirementsLock) -> bool:
    """Whether *lock* has the package of *line* in a version that it allows.

    A lock does not tell with which extras a package was resolved, so lines with extras are not.
    """
    versions = dict(item.split("==", 1) for item in lock.packages if "==" in item)
    try:
        parsed = parse_requirement(line)
    except InvalidRequirementLineError:
        return True  # nothing that a lock could have
    name, _, _ = normalize_requirement(line)
    version = versions.get(name)
    if version is None or parsed.extras:
        return False
    return parsed.specifier.contains(version, prereleases=True)


def _add_missing(manifest: Manifest, lacking: tuple[Requirement, ...]) -> Manifest:
    """Add what is missing at the base commit; other versions may be what the gold patch changes."""
    names = {item.name for item in manifest.requirements}
    added = tuple(item for item in lacking if item.name not in names)
    notes = tuple(f"the build back-end also requires {item.line}" for item in added)
    return replace(
        manifest,
        requirements=(*manifest.requirements, *added),
        notes=(*manifest.notes, *notes),
    )


def _read_installed(
    variant: RequirementsVariant, built: BuiltInstance, ctx: ValidationContext
) -> BackendAnswer | None:
    spec = RunSpec(command=render_installed_question(), limits=LIMITS)

    def read() -> InstalledMetadata:
        result = retry_sandbox_errors(ctx, lambda: ctx.backend.run_tests(built, spec))
        return InstalledMetadata(answer=parse_installed(result.output, variant.manifest.project))

    step = f"installed metadata {built.digest or built.handle}"
    return ctx.resume(built.name, step, InstalledMetadata, read).answer
