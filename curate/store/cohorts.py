"""Pull requests by the month in which they were opened: how far they came, and what they cost."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from curate.store.database import Database

_MONTH = "substr(json_extract(CAST({}.data AS TEXT), '$.created_at'), 1, 7)"
_PULLS = f"SELECT p.repo, {_MONTH.format('p')} AS month, COUNT(*) FROM pulls p GROUP BY 1, 2"
_CANDIDATES = (
    f"SELECT c.repo, {_MONTH.format('c')} AS month, COUNT(*), COUNT(v.instance_id),"
    " SUM(v.instance_id IS NOT NULL AND v.stage IS NULL), TOTAL(v.work_seconds),"
    " TOTAL(v.unique_bytes)"
    " FROM candidates c LEFT JOIN validations v ON v.instance_id = c.instance_id GROUP BY 1, 2"
)
# A PR that is no candidate any longer was paid for, too.
_LEFT_OVER = (
    "SELECT v.repo, TOTAL(v.work_seconds), TOTAL(v.unique_bytes) FROM validations v WHERE NOT"
    " EXISTS (SELECT 1 FROM candidates c WHERE c.instance_id = v.instance_id) GROUP BY 1"
)
_UNKNOWN = "9999"  # year that a PR has whose answer from GitHub was malformed


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """The pull requests of one repository that were opened in one month."""

    repo: str
    month: str  # "2023-04"; "" = unknown
    pulls: int = 0
    candidates: int = 0
    attempted: int = 0  # candidates with a validation
    verified: int = 0
    work_seconds: float = 0.0  # `Validation.work_seconds`
    unique_bytes: int = 0


def read_cohorts(database: Database) -> list[Cohort]:
    """Return all cohorts, by repository and month; those of unknown month come first."""
    counts: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for repo, month, pulls in database.fetch_all(_PULLS):
        counts[repo, _read_month(month)]["pulls"] = pulls
    names = ("candidates", "attempted", "verified", "work_seconds", "unique_bytes")
    for repo, month, *values in database.fetch_all(_CANDIDATES):
        _add(counts[repo, _read_month(month)], dict(zip(names, values, strict=True)))
    for repo, *values in database.fetch_all(_LEFT_OVER):
        _add(counts[repo, ""], dict(zip(names[3:], values, strict=True)))
    return [_make_cohort(*key, counts[key]) for key in sorted(counts)]


def _read_month(text: str | None) -> str:
    return "" if not text or text.startswith(_UNKNOWN) else text


def _add(found: dict[str, float], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        found[name] = found.get(name, 0) + value


def _make_cohort(repo: str, month: str, counts: Mapping[str, float]) -> Cohort:
    whole = {name: int(value) for name, value in counts.items() if name != "work_seconds"}
    return Cohort(repo=repo, month=month, work_seconds=counts.get("work_seconds", 0.0), **whole)
