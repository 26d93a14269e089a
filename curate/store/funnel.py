"""Counts by stage for each repository, and rejections by reason."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curate.store.database import Database

# Far fewer candidates are validated than there are, and indexes are read without the long data.
_VALIDATED = (
    "validations v INDEXED BY validations_state"
    " CROSS JOIN candidates c INDEXED BY candidates_id USING (instance_id)"
)
_COUNTS = {
    "pulls": "SELECT repo, COUNT(*) FROM pulls GROUP BY repo",
    "decided": "SELECT repo, COUNT(*) FROM pulls JOIN decisions USING (repo, number, hash)"
    " GROUP BY repo",
    "candidates": "SELECT repo, COUNT(*) FROM candidates GROUP BY repo",
    "attempted": f"SELECT c.repo, COUNT(*) FROM {_VALIDATED} GROUP BY c.repo",
    "verified": f"SELECT c.repo, COUNT(*) FROM {_VALIDATED} WHERE v.stage IS NULL GROUP BY c.repo",
    "work_seconds": "SELECT repo, TOTAL(work_seconds) FROM validations GROUP BY repo",
    "unique_bytes": "SELECT repo, SUM(unique_bytes) FROM validations GROUP BY repo",
}
_REJECTED = (
    "SELECT repo, stage || '/' || reason AS why, COUNT(*) FROM decisions"
    " WHERE stage IS NOT NULL GROUP BY repo, why UNION ALL"
    " SELECT c.repo, v.stage || '/' || v.reason AS why, COUNT(*)"
    f" FROM {_VALIDATED} WHERE v.stage IS NOT NULL GROUP BY c.repo, why"
)


@dataclass(frozen=True, kw_only=True)
class RepositoryFunnel:
    """Counts of one repository; `rejected` is keyed by "stage/reason"."""

    repo: str
    pulls: int = 0  # merged pull requests the crawl has seen
    undecided: int = 0  # PRs that are neither candidate nor rejected yet
    candidates: int = 0
    attempted: int = 0  # candidates with a validation, verified or rejected
    verified: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    work_seconds: float = 0.0  # `Validation.work_seconds` of all validations
    unique_bytes: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return the counts as `curate status --json` prints them, without `repo`."""
        return {
            "pulls": self.pulls,
            "undecided": self.undecided,
            "candidates": self.candidates,
            "attempted": self.attempted,
            "verified": self.verified,
            "rejected": dict(self.rejected),
            "work_seconds": round(self.work_seconds, 1),
            "unique_bytes": self.unique_bytes,
        }


def read_funnels(database: Database) -> dict[str, RepositoryFunnel]:
    """Return funnels by repository, for those with any PR, candidate or validation."""
    counts: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, query in _COUNTS.items():
        for repo, count in database.fetch_all(query):
            counts[repo][name] = count
    rejected: dict[str, dict[str, int]] = defaultdict(dict)
    for repo, why, count in sorted(database.fetch_all(_REJECTED)):
        rejected[repo][why] = count
    return {
        repo: RepositoryFunnel(
            repo=repo,
            undecided=repo_counts.get("pulls", 0) - repo_counts.pop("decided", 0),
            rejected=rejected[repo],
            **repo_counts,
        )
        for repo, repo_counts in counts.items()
    }
