"""What a piece of CI configuration says of a test environment."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class JobFindings:
    """What is installed for the tests and how they are called; each thing once, in order."""

    files: list[str] = field(default_factory=list)  # requirement files
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)  # requirement lines
    system: list[str] = field(default_factory=list)  # Debian packages
    runners: list[str] = field(default_factory=list)  # "pytest", "nose", "unittest", "other"
    elsewhere: list[str] = field(default_factory=list)  # "tox", "nox", "make": told in their files
    options: list[str] = field(default_factory=list)  # of pytest
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def runs_tests(self) -> bool:
        """Whether tests are run here or by what is called here."""
        return bool(self.runners or self.elsewhere)

    def merge_from(self, other: "JobFindings") -> None:
        """Take over what *other* has and this lacks."""
        for name in _LISTS:
            mine = getattr(self, name)
            mine += [item for item in getattr(other, name) if item not in mine]
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
    """Commands that are run one after the other in one environment."""

    origin: str  # "tox.ini", ".github/workflows/tests.yml", ...
    findings: JobFindings


def merge(jobs: Iterable[CIJob]) -> JobFindings:
    """Everything that *jobs* have found."""
    total = JobFindings()
    for job in jobs:
        total.merge_from(job.findings)
    return total
