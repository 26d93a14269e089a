"""Raise a pytest that does not run on the interpreter, or that our plugin does not support."""

from collections.abc import Iterable
from dataclasses import replace

from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from curate.builders.lock.repair import LockAdjustment
from curate.builders.package_facts import load_package_facts
from curate.builders.requirements import Manifest, Requirement


def raise_pytest(manifest: Manifest, packages: Iterable[str], python: str) -> LockAdjustment | None:
    """Return *manifest* with a later pytest if that among *packages* does not run on *python*.

    *packages* are `name==version`; bounds that the project declares for pytest do not count then.
    """
    oldest = load_package_facts().oldest_pytest.get(python, "")
    locked = next((it.partition("==")[2] for it in packages if it.startswith("pytest==")), "")
    if not oldest or not locked or not _is_older(locked, oldest):
        return None
    line = f"pytest>={oldest}"
    changed = tuple(_raise_line(item, line) for item in manifest.requirements)
    constraints = (line for line in manifest.constraints if not _is_pytest(line))
    sentence = f"raised pytest {locked} to {oldest} or later: no older one runs on Python {python}"
    return LockAdjustment(
        manifest=replace(manifest, requirements=changed, constraints=(*constraints, line)),
        sentence=sentence,
    )


def _is_older(version: str, other: str) -> bool:
    try:
        return Version(version) < Version(other)
    except InvalidVersion:
        return False


def _raise_line(item: Requirement, line: str) -> Requirement:
    return replace(item, line=line) if item.name == "pytest" else item


def _is_pytest(constraint: str) -> bool:
    return canonicalize_name(Parsed(constraint).name) == "pytest"
