"""What is changed in every manifest before its first resolution."""

from dataclasses import replace
from datetime import datetime

from packaging.requirements import Requirement as Parsed

from builders.lock.repair import LockAdjustment
from builders.package_facts import load_package_facts
from builders.requirements import Manifest, Requirement
from builders.rfc3339 import format_rfc3339


def reupload_cutoffs(cutoff: datetime) -> dict[str, str]:
    """Return the cutoff (RFC 3339) of each project that counts as there although it came back."""
    late = {
        name: moment
        for name, moment in load_package_facts().uploaded_again.items()
        if cutoff < moment
    }
    return {name: format_rfc3339(moment) for name, moment in late.items()}


def initial_changes(manifest: Manifest) -> list[LockAdjustment]:
    """Changes to be made before the first attempt, each built on the one before it."""
    found: list[LockAdjustment] = []
    for rule in (_add_pytest, _use_binary_wheel):
        change = rule(found[-1].manifest if found else manifest)
        found += [change] if change else []
    return found


def _add_pytest(manifest: Manifest) -> LockAdjustment | None:
    """Add pytest where it is not declared: it runs the tests of unittest and nose, too."""
    if any(item.name == "pytest" for item in manifest.requirements):
        return None
    runner = Requirement(line="pytest", name="pytest", origin="default", is_core=True)
    changed = replace(manifest, requirements=(*manifest.requirements, runner))
    return LockAdjustment(manifest=changed, sentence="added pytest: it is not declared")


def _use_binary_wheel(manifest: Manifest) -> LockAdjustment | None:
    """Swap distributions that only build next to a database for the same code as a wheel."""
    wheels = load_package_facts().wheel_of
    found = {item.name for item in manifest.requirements if item.name in wheels}
    if not found:
        return None
    changed = tuple(
        _rename_requirement(item, wheels.get(item.name, "")) for item in manifest.requirements
    )
    swapped = ", ".join(f"{name} became {wheels[name]}" for name in sorted(found))
    sentence = f"{swapped}: building it needs a database's headers"
    return LockAdjustment(manifest=replace(manifest, requirements=changed), sentence=sentence)


def _rename_requirement(item: Requirement, name: str) -> Requirement:
    if not name:
        return item
    parsed = Parsed(item.line)
    parsed.name = name
    return replace(item, line=str(parsed), name=name)
