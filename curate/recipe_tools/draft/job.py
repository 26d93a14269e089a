"""Findings about the test environment from a CI job."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class JobFindings:
    """What a job installs for the tests and how it runs them; distinct values, in order."""

    files: list[str] = field(default_factory=list)  # requirement files
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)  # requirement lines
    system: list[str] = field(default_factory=list)  # Debian packages
    runners: list[str] = field(default_factory=list)  # "pytest", "nose", "unittest", "other"
    elsewhere: list[str] = field(default_factory=list)  # "tox", "nox", "make": see their files
    options: list[str] = field(default_factory=list)  # of pytest
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def runs_tests(self) -> bool:
        """Whether the job runs tests, directly or through another tool."""
        return bool(self.runners or self.elsewhere)

    def merge_from(self, other: "JobFindings") -> None:
        """Add the values of *other* that are missing here."""
        for name in _LISTS:
            own_items = getattr(self, name)
            own_items += [item for item in getattr(other, name) if item not in own_items]
        self.variables = other.variables | self.variables


_LISTS = (
    "files",
    "extras",
    "groups",
    "packages",
    "system",
    "runners",
    "elsewhere",
    "options",
)


@dataclass(frozen=True, kw_only=True)
class CIJob:
    """Commands that run in sequence in one environment."""

    origin: str  # "tox.ini", ".github/workflows/tests.yml", ...
    findings: JobFindings


def merge(jobs: Iterable[CIJob]) -> JobFindings:
    """Merge the findings of all *jobs*."""
    total = JobFindings()
    for job in jobs:
        total.merge_from(job.findings)
    return total
