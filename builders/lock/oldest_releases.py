"""Raise releases that do not run on the interpreter: pytest, what it needs, and build tools.

Of pytest also those that our plugin does not support.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from curate.builders.lock.repair import LockAdjustment
from curate.builders.package_facts import load_package_facts
from curate.builders.requirements import Manifest, Requirement


def raise_old_releases(
    manifest: Manifest, packages: Iterable[str], python: str
) -> LockAdjustment | None:
    """Return *manifest* with later releases of those *packages* that do not run on *python*.

    *packages* are `name==version`. Bounds that the project declares for them do not count then.
    """
    raised, sentences = {}, []
    for name, _, version in (package.partition("==") for package in packages):
        oldest = load_package_facts().oldest_releases.get(name, {}).get(python, "")
        if oldest and _is_older(version, oldest):
            raised[name] = f"{name}>={oldest}"
            sentences.append(f"raised {name} {version} to {oldest} or later")
    if not raised:
        return None
    return LockAdjustment(
        manifest=_raise_requirements(manifest, raised),
        sentence=f"{', '.join(sentences)}: no older one runs on Python {python}",
    )


def _raise_requirements(manifest: Manifest, raised: Mapping[str, str]) -> Manifest:
    changed = tuple(_raise_line(item, raised) for item in manifest.requirements)
    others = (line for line in manifest.constraints if _name_of(line) not in raised)
    return replace(manifest, requirements=changed, constraints=(*others, *raised.values()))


def _is_older(version: str, other: str) -> bool:
    try:
        return Version(version) < Version(other)
    except InvalidVersion:
        return False


def _raise_line(item: Requirement, raised: Mapping[str, str]) -> Requirement:
    return replace(item, line=raised[item.name]) if item.name in raised else item


def _name_of(constraint: str) -> str:
    return canonicalize_name(Parsed(constraint).name)
