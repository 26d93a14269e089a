"""How many pulls came how far in a repository, and why the others fell."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """Counts of one repository; `rejected` is keyed by "stage/reason"."""

    repo: str
    pulls: int = 0  # merged pull requests the crawl has seen
    undecided: int = 0  # pulls not yet made candidate or rejected
    candidates: int = 0
    validated: int = 0  # candidates with a verdict, whatever it is
    verified: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    core_seconds: float = 0.0
    unique_bytes: int = 0

    def as_dict(self) -> dict[str, object]:
        """The funnel without its repository, as `curate status --json` prints it."""
        return {
            "pulls": self.pulls,
            "undecided": self.undecided,
            "candidates": self.candidates,
            "validated": self.validated,
            "verified": self.verified,
            "rejected": dict(self.rejected),
            "core_seconds": round(self.core_seconds, 1),
            "unique_bytes": self.unique_bytes,
        }
