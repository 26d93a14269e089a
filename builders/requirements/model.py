"""Data model of the requirements that a commit declares."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One requirement line (PEP 508), its normalized name, and the file that has it."""

    line: str
    name: str
    origin: str
    is_core: bool = False  # the project cannot be imported or tested without it


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All requirements of a commit, in a form that a resolver can read."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[str, ...] = ()
    project: str = ""  # normalized name of the project itself, which comes from the checkout
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # one sentence per requirement that was dropped or changed
    files: tuple[str, ...] = ()  # requirement files that were read, in this order
    missing_sources: tuple[str, ...] = ()  # sources of the recipe that this commit does not have
    # name -> cutoff (RFC 3339) that replaces the common one
    cutoff_overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """Hash of the inputs of a resolution; order, origins and notes do not count."""
        content = {
            "requirements": sorted({requirement.line for requirement in self.requirements}),
            "core": sorted({item.name for item in self.requirements if item.is_core}),
            "constraints": sorted(set(self.constraints)),
            "project": self.project,
            "exempt": dict(sorted(self.cutoff_overrides.items())),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
