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
    other_projects: tuple[str, ...] = ()  # more projects of the checkout, by normalized name
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # one sentence per requirement that cannot be read or resolved
    unknowns: tuple[str, ...] = ()  # why the build back-end may require something else
    excluded: tuple[str, ...] = ()  # one sentence per requirement that tests do not need
    dropped_tools: tuple[str, ...] = ()  # development tools among the excluded, by name
    files: tuple[str, ...] = ()  # requirement files that were read, in this order
    folders: tuple[str, ...] = ()  # of the checkout that requirement files want to be installed
    missing_sources: tuple[str, ...] = ()  # sources of the recipe that this commit does not have
    needs_test_runner: bool = True  # False for what only a build needs
    # name -> cutoff (RFC 3339) that replaces the common one
    cutoff_overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    archives: tuple[SdistArchive, ...] = ()  # sdists that are repacked, as uv cannot read them

    @property
    def key(self) -> str:
        """Hash of the inputs of a resolution; order, origins and notes do not count."""
        content: dict[str, object] = {
            "requirements": sorted({(item.line, item.is_core) for item in self.requirements}),
            "constraints": sorted(set(self.constraints)),
            "project": self.project,
            "exempt": dict(sorted(self.cutoff_overrides.items())),
            **({"others": sorted(self.other_projects)} if self.other_projects else {}),
        }
        if not self.needs_test_runner:
            content["runner"] = False
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def in_order(self) -> "Manifest":
        """Return this manifest sorted: of several solutions, the order decides which uv finds."""
        ordered = sorted(self.requirements, key=lambda item: (item.line, item.is_core))
        return replace(
            self, requirements=tuple(ordered), constraints=tuple(sorted(set(self.constraints)))
        )
