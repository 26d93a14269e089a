"""Changes to every manifest before its first resolution."""

from dataclasses import replace
from datetime import datetime

from packaging.requirements import Requirement as Parsed

from curate.builders.lock.repair import LockAdjustment
from curate.builders.package_facts import load_package_facts
from curate.builders.requirements import Manifest, Requirement
from curate.builders.rfc3339 import format_rfc3339


def reupload_cutoffs(cutoff: datetime) -> dict[str, str]:
    """Return name -> later cutoff (RFC 3339) of the projects that were re-uploaded after *cutoff*.

    Their old releases were deleted and uploaded again (`uploaded_again` in `packages.toml`), so
    that they look newer than they are.
    """
    reuploaded = load_package_facts().uploaded_again
    return {name: format_rfc3339(date) for name, date in reuploaded.items() if cutoff < date}


def initial_changes(manifest: Manifest) -> list[LockAdjustment]:
    """Return the changes to *manifest* before the first attempt, each based on the previous one."""
    found: list[LockAdjustment] = []
    for rule in (_add_pytest, _use_binary_wheel):
        change = rule(found[-1].manifest if found else manifest)
        found += [change] if change else []
    return found


def _add_pytest(manifest: Manifest) -> LockAdjustment | None:
    """Add pytest if it is not declared; it also runs unittest and nose tests."""
    if not manifest.needs_test_runner:
        return None
    if any(item.name == "pytest" for item in manifest.requirements):
        return None
    runner = Requirement(line="pytest", name="pytest", origin="default", is_core=True)
    changed = replace(manifest, requirements=(*manifest.requirements, runner))
    return LockAdjustment(manifest=changed, sentence="added pytest: it is not declared")


def _use_binary_wheel(manifest: Manifest) -> LockAdjustment | None:
    """Replace distributions that need a database's headers to build by their binary wheels."""
    wheels = load_package_facts().wheel_of
    found = {item.name for item in manifest.requirements if item.name in wheels}
    if not found:
        return None
    changed = tuple(
        _rename_requirement(item, wheels.get(item.name, "")) for item in manifest.requirements
    )
    replaced = ", ".join(f"replaced {name} by {wheels[name]}" for name in sorted(found))
    sentence = f"{replaced}: building it needs a database's headers"
    return LockAdjustment(manifest=replace(manifest, requirements=changed), sentence=sentence)


def _rename_requirement(item: Requirement, name: str) -> Requirement:
    if not name:
        return item
    parsed = Parsed(item.line)
    parsed.name = name
    return replace(item, line=str(parsed), name=name)
