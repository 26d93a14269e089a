"""Findings about the test environment from a CI job."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from posixpath import join, normpath

# Words for jobs whose purpose is something else than testing the project.
_OTHER_PURPOSE = re.compile(
    r"(?:^|[-_ /.:&+()])(?:docs?|documentation|docbuild|sphinx|doctest\w*|linkcheck|mypy|pyright"
    r"|pyre|typing|types|typecheck\w*|type-?check\w*|bench\w*|perf|performance|releases?|publish\w*"
    r"|deploy\w*|sdist|wheels?|upload|testpypi|pypi|nightly|upstream|fuzz\w*"
    r"|codspeed|memray|changelog|stale|codeql|security|audit|pypy\d?|py2\d?|notebooks?"
    r"|website|docker\w*|conda-build|pyodide|emscripten|wasm)"
    r"(?:[-_ /.:&+()]|$)",
    re.IGNORECASE,
)
# Words for checks that jobs with tests may make, too.
_MORE_PURPOSE = re.compile(
    r"(?:^|[-_ /.:&+()])(?:\w*lint\w*|style|format\w*|flake8|black|ruff|isort|pre-?commit|cov"
    r"|coverage\w*|codecov|quality|static\w*|min|minimum|oldest|lowest|pinned)(?:[-_ /.:&+()]|$)",
    re.IGNORECASE,
)
_OTHER_SYSTEM = re.compile(r"(?:^|[^a-z])(?:windows|win|macos|osx|mac)(?:[^a-z]|$)", re.IGNORECASE)
_LINUX = re.compile(r"linux|ubuntu|unix|posix", re.IGNORECASE)
_TESTS = re.compile(r"(?:^|[-_ /.:&+()])(?:unit)?-?tests?(?:[-_ /.:&+()]|$)", re.IGNORECASE)


@dataclass(kw_only=True)
class JobFindings:
    """What a job installs for the tests and how it runs them; distinct values, in order."""

    files: list[str] = field(default_factory=list)  # requirement files
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)  # requirement lines
    projects: list[str] = field(default_factory=list)  # folders that are installed; "." = the root
    system: list[str] = field(default_factory=list)  # Debian packages
    runners: list[str] = field(default_factory=list)  # "pytest", "nose", "unittest", "other"
    elsewhere: list[str] = field(default_factory=list)  # "tox", "nox", "make": see their files
    options: list[str] = field(default_factory=list)  # of pytest, with values: those it may need
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

    def merge_variant(self, other: "JobFindings") -> None:
        """Add those of another variant of the job: packages and variables only if both have it."""
        packages = [item for item in self.packages if item in other.packages]
        common = dict(self.variables.items() & other.variables.items())
        self.merge_from(other)
        self.packages, self.variables = packages, common

    def move_to(self, folder: str) -> None:
        """Make the paths relative to the root, for commands that ran in *folder*."""
        if folder:
            self.files = [normpath(join(folder, path)) for path in self.files]
            self.projects = [normpath(join(folder, path)) for path in self.projects]


_LISTS = (
    "files",
    "extras",
    "groups",
    "packages",
    "projects",
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
    name: str = ""  # of the job, environment, session or target; "" = the only one

    @property
    def is_for_tests(self) -> bool:
        """Whether the job runs tests, and nothing in its name says that it is for another use."""
        return self.findings.runs_tests and not is_other_purpose(self.name)


def is_other_purpose(name: str) -> bool:
    """Whether the *name* of a job, environment or target says that it is not for tests."""
    if _OTHER_PURPOSE.search(name) or (_OTHER_SYSTEM.search(name) and not _LINUX.search(name)):
        return True
    return bool(_MORE_PURPOSE.search(name)) and not _TESTS.search(name)


def merge(jobs: Iterable[CIJob]) -> JobFindings:
    """Merge the findings of all *jobs*."""
    total = JobFindings()
    for job in jobs:
        total.merge_from(job.findings)
    return total
