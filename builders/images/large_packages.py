"""Large distributions that get a layer of their own, below the environments that need just these.

Torch with CUDA is most of an environment that has it, and changes with its own releases only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from builders.package_facts import load_package_facts

_PINNED = re.compile(r"[a-z0-9-]+==[\w.+!-]+")


@dataclass(frozen=True, kw_only=True)
class SharedPackages:
    """Pinned distributions (`name==version`, sorted) that lie in one layer."""

    name: str  # of the family
    packages: tuple[str, ...]


def group_shared_packages(packages: Sequence[str]) -> tuple[SharedPackages, ...]:
    """The parts among the *packages* of a lock, the lowest first."""
    found = []
    for family in load_package_facts().large_families:
        members = sorted(
            each
            for each in packages
            if _PINNED.fullmatch(each) and _belongs_to_family(each, family)
        )
        if any(each.startswith(f"{family[0]}==") for each in members):
            found.append(SharedPackages(name=family[0], packages=tuple(members)))
    return tuple(found)


def _belongs_to_family(package: str, family: Sequence[str]) -> bool:
    name = package.partition("==")[0]
    return any(fnmatchcase(name, pattern) for pattern in family)
