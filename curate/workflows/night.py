"""What a night did: one record for each repository, one for the release, and the whole."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.environments.observer import BatchObserver
from curate.publish.diff import SplitDiff
from curate.store import Store
from curate.workflows.night_base import BaseImages
from curate.workflows.night_certify import NightCertification
from curate.workflows.problem import Problem


@dataclass(frozen=True, kw_only=True)
class RepositoryResult:
    """What a rebuild did for one repository, and what it left to the next call."""

    repo: str
    requests: int = 0
    points: int = 0  # of GitHub's GraphQL rate limit
    fetched_bytes: int = 0  # by which the mirror grew
    pulls: int = 0  # PRs that are new or have changed
    issues: int = 0  # stored issues that have changed
    new_candidates: int = 0
    changed_candidates: int = 0
    removed_candidates: int = 0
    attempted: int = 0
    verified: int = 0
    rejected: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)  # of rejections, "stage/reason"
    errors: int = 0  # candidates without a verdict after an infrastructure error
    flaky_tests: int = 0  # of the candidates attempted
    core_seconds: float = 0.0  # CPU time of runs, and wall time of locks and builds
    image_bytes: int = 0  # unique bytes of the images made
    up_to_date: int = 0
    left: int | None = None  # candidates without a verdict; None = unknown, as it was not reached
    is_cut_off: bool = False  # the time limit ended its crawl
    seconds: float = 0.0
    problem: Problem | None = None

    @property
    def is_new(self) -> bool:
        """Whether anything was found or done."""
        found = self.pulls + self.issues + self.new_candidates
        return bool(found + self.changed_candidates + self.removed_candidates + self.attempted)

    @property
    def is_unfinished(self) -> bool:
        """Whether something is left to the next call that no problem explains."""
        return self.problem is None and (self.is_cut_off or bool(self.left))


@dataclass(frozen=True, kw_only=True)
class ReleaseResult:
    """The release of a night: written, or found as it was."""

    folder: str
    is_written: bool  # False: its inputs are those of the release that is there
    is_changed: bool  # whether a file of it differs from the last release
    images: int  # in a registry
    rows: Mapping[str, int]  # by split
    excluded: int
    diff: Sequence[SplitDiff] = ()  # to the last release; empty if that is the same
    hub: str = ""  # where it was pushed to
    commit: str = ""
    is_pushed: bool = False  # whether the dataset on the Hub changed


@dataclass(frozen=True, kw_only=True)
class NightReport:
    """All that is told of a night."""

    repositories: Sequence[RepositoryResult]
    release: ReleaseResult | None = None
    certification: NightCertification | None = None  # None = not asked for, or not possible
    base_images: BaseImages | None = None  # None = not of containers
    problems: Mapping[str, Problem] = field(default_factory=dict)  # by step, e.g. "release"
    is_out_of_time: bool = False  # something is left to the next night
    seconds: float = 0.0

    @property
    def is_new(self) -> bool:
        """Whether anything was found, done or released that was not there before."""
        it = self.release
        released = it is not None and (it.is_changed or it.is_pushed)
        certified = bool(self.certification and self.certification.certified)
        return released or certified or any(one.is_new for one in self.repositories)

    @property
    def all_problems(self) -> Mapping[str, Problem]:
        """Problems of repositories, then those of steps, by name."""
        own = {it.repo: it.problem for it in self.repositories if it.problem}
        return {**own, **self.problems}


class NightTally:
    """Observer of validations that adds up what they found and cost, for one repository."""

    def __init__(self, store: Store, observer: BatchObserver) -> None:
        """*observer* is told everything, too."""
        self._store = store
        self._observer = observer
        self.results: Counter[str] = Counter()
        self.flaky_tests = 0
        self.core_seconds = 0.0
        self.image_bytes = 0

    def on_step(self, instance_id: str, step: str) -> None:
        """Pass it on."""
        self._observer.on_step(instance_id, step)

    def on_done(self, instance_id: str, result: str) -> None:
        """Count a result; its validation is stored by then."""
        self._observer.on_done(instance_id, result)
        self.results[result] += 1
        validation = None if result == "error" else self._store.get_validation(instance_id)
        if validation:
            self.flaky_tests += len(validation.verdict.flaky_tests)
            self.core_seconds += validation.work_seconds
            self.image_bytes += validation.unique_bytes

    def fields(self) -> dict[str, Any]:
        """Return the fields of a `RepositoryResult`."""
        others = {"verified", "error"}
        reasons = {name: n for name, n in sorted(self.results.items()) if name not in others}
        rejected, verified = sum(reasons.values()), self.results["verified"]
        return {
            "attempted": rejected + verified,
            "verified": verified,
            "rejected": rejected,
            "reasons": reasons,
            "errors": self.results["error"],
            "flaky_tests": self.flaky_tests,
            "core_seconds": self.core_seconds,
            "image_bytes": self.image_bytes,
        }
