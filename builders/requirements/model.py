"""What a commit declares about its dependencies, as it was found."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One requirement line (PEP 508), its normalised name, and the file that holds it."""

    line: str
    name: str
    origin: str
    is_core: bool = False  # the project cannot be imported or tested without it


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything a commit declares about its dependencies, readable by a resolver."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[str, ...] = ()
    project: str = ""  # normalised name of the project itself: comes from the checkout
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    build_requires: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # one sentence per departure from the files
    files: tuple[str, ...] = ()  # requirement files that were read, in this order
    missing_sources: tuple[str, ...] = ()  # what the recipe names and this commit lacks
    cutoff_overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # name -> RFC 3339 cutoff of its own, where the common one cannot hold

    @property
    def key(self) -> str:
        """Hash of all that decides a resolution; order, origins and remarks do not count."""
        content = {
            "requirements": sorted({requirement.line for requirement in self.requirements}),
            "core": sorted({item.name for item in self.requirements if item.is_core}),
            "constraints": sorted(set(self.constraints)),
            "project": self.project,
            "exempt": dict(sorted(self.cutoff_overrides.items())),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
