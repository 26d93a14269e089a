"""Data model of the requirements that a commit declares."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from curate.builders.model import SdistArchive


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
    notes: tuple[str, ...] = ()  # one sentence per requirement that cannot be read or resolved
    excluded: tuple[str, ...] = ()  # one sentence per requirement that tests do not need
    files: tuple[str, ...] = ()  # requirement files that were read, in this order
    missing_sources: tuple[str, ...] = ()  # sources of the recipe that this commit does not have
    # name -> cutoff (RFC 3339) that replaces the common one
    cutoff_overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    archives: tuple[SdistArchive, ...] = ()  # sdists that are repacked, as uv cannot read them

    @property
    def key(self) -> str:
        """Hash of the inputs of a resolution; order, origins and notes do not count."""
        content = {
            "requirements": sorted({(item.line, item.is_core) for item in self.requirements}),
            "constraints": sorted(set(self.constraints)),
            "project": self.project,
            "exempt": dict(sorted(self.cutoff_overrides.items())),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def in_order(self) -> "Manifest":
        """Return this manifest sorted: of several solutions, the order decides which uv finds."""
        ordered = sorted(self.requirements, key=lambda item: (item.line, item.is_core))
        return replace(
            self, requirements=tuple(ordered), constraints=tuple(sorted(set(self.constraints)))
        )
