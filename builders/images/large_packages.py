"""Large distributions that get a layer of their own, shared by environments with the same versions.

Torch with CUDA, for example, is most of an environment that has it, and only changes with a new
release of torch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from curate.builders.package_facts import load_package_facts

_PINNED = re.compile(r"[a-z0-9-]+==[\w.+!-]+")


@dataclass(frozen=True, kw_only=True)
class SharedPackages:
    """Pinned distributions (`name==version`, sorted) that share one layer."""

    name: str  # first distribution of the family
    packages: tuple[str, ...]


def group_shared_packages(packages: Sequence[str]) -> tuple[SharedPackages, ...]:
    """Return the shared packages among the *packages* of a lock, the lowest layer first."""
    found = []
    for family in load_package_facts().large_families:
        members = sorted(
            package
            for package in packages
            if _PINNED.fullmatch(package) and _belongs_to_family(package, family)
        )
        if any(member.startswith(f"{family[0]}==") for member in members):
            found.append(SharedPackages(name=family[0], packages=tuple(members)))
    return tuple(found)


def _belongs_to_family(package: str, family: Sequence[str]) -> bool:
    name = package.partition("==")[0]
    return any(fnmatchcase(name, pattern) for pattern in family)
