"""A check: what was looked at, what was found, what to do about it, which jobs would fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended; only a failure keeps a job from being done."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


class Job(StrEnum):
    """The steps of the main job, by their commands."""

    CRAWL = "crawl"
    VALIDATE = "validate"
    PUBLISH = "publish"


ALL_JOBS = tuple(Job)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str  # as in "package-index"
    status: Status
    found: str  # what there is, in one line
    remedy: str = ""  # what to do; empty if there is nothing to do
    jobs: tuple[Job, ...] = ()  # that would fail


def make_ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name=name, status=Status.OK, found=found)


def make_skipped(name: str, found: str, remedy: str = "") -> Check:
    """There is nothing to look at, or it is not needed."""
    return Check(name=name, status=Status.SKIPPED, found=found, remedy=remedy)


def make_warning(name: str, found: str, remedy: str) -> Check:
    """Something that costs time or quality, or will soon fail."""
    return Check(name=name, status=Status.WARNING, found=found, remedy=remedy)


def make_failure(name: str, found: str, remedy: str, jobs: Sequence[Job] = ALL_JOBS) -> Check:
    """Something without which *jobs* fail."""
    return Check(name=name, status=Status.FAILURE, found=found, remedy=remedy, jobs=tuple(jobs))


def list_failing_jobs(checks: Sequence[Check]) -> list[Job]:
    """Return the jobs that would fail, in their order."""
    failing = {job for check in checks for job in check.jobs}
    return [job for job in Job if job in failing]
