"""The nouns of curate, frozen: what stages hand to the store and to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from builders.model import Outcome


@dataclass(frozen=True, kw_only=True)
class IssueRef:
    """A pointer to an issue, possibly of another repository."""

    repo: str  # "owner/name"
    number: int


@dataclass(frozen=True, kw_only=True)
class IssueLink:
    """A pull's claim to close an issue, and every place that makes it."""

    repo: str
    number: int
    sources: tuple[str, ...]  # of "title", "body", "commit", "github", in this order


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A merged pull request as GitHub tells it."""

    repo: str
    number: int
    title: str
    body: str
    created_at: datetime
    updated_at: datetime
    merged_at: datetime
    base_ref: str
    base_commit: str
    head_commit: str
    merge_commit: str | None
    author: str = ""
    commit_messages: tuple[str, ...] = ()
    closing: tuple[IssueRef, ...] = ()
    closing_cursor: str | None = None  # where GitHub's list of references goes on behind `closing`
    first_commit_at: datetime | None = (
        None  # when its first commit was written, where GitHub was asked
    )


@dataclass(frozen=True, kw_only=True)
class IncrementalCrawl:
    """A later crawl on its way from the newest update back to the known, page by page."""

    until: datetime | None = None  # where the known begins; None = at the very first update
    since: datetime | None = None  # what the crawl covers when the sweep has arrived
    cursor: str | None = None  # where it goes on
    newest_update: datetime | None = None  # newest updated_at when it began, the next watermark


@dataclass(frozen=True, kw_only=True)
class CrawlState:
    """How far the crawl of a repository has come, and what it has cost so far."""

    cursor: str | None = None  # where the first crawl goes on
    is_complete: bool = False  # whether the first crawl has seen every pull
    watermark: datetime | None = None  # newest updated_at that was seen
    since: datetime | None = None  # `is_complete` holds for pulls updated since; None = for all
    incremental_crawl: IncrementalCrawl | None = None  # a later crawl that was cut short
    issues_watermark: datetime | None = None  # stored issues are as they were then, or newer
    requests: int = 0
    points: int = 0


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A remark under an issue."""

    created_at: datetime
    body: str
    author: str = ""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """An issue as GitHub tells it, with its comments in order of creation."""

    repo: str
    number: int
    title: str
    body: str
    created_at: datetime
    updated_at: datetime
    comments: tuple[Comment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A pull that could become a task; a row of the raw pool."""

    instance_id: str  # "owner__repo-N"
    repo: str
    pull_number: int
    base_commit: str
    base_commit_rule: str  # which rule gave base_commit and patch
    head_commit: str
    merge_commit: str | None
    patch: bytes  # gold patch: every non-test file
    test_patch: bytes
    problem_statement: str
    hints_text: str
    created_at: datetime
    version: str
    issue_links: tuple[IssueLink, ...] = ()
    reverts: tuple[int, ...] = ()  # earlier pulls this one takes back
    reverted_by: tuple[int, ...] = ()  # later pulls that take this one back

    @property
    def issue_numbers(self) -> tuple[int, ...]:
        """Numbers of the linked issues of this repository, ascending."""
        return tuple(sorted(link.number for link in self.issue_links if link.repo == self.repo))


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why a pull or candidate fell, at which stage."""

    stage: str  # "crawl", "lock", "build", "install", "collect", "validate", ...
    reason: str  # short and countable, e.g. "no-tests"
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What became of a pull, and on which ground."""

    number: int
    outcome: Candidate | Rejection
    inputs_hash: str = ""  # hash of what decided it besides the pull itself


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of the test command, as stored."""

    side: str  # "before" | "after"
    index: int
    status: str
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    log: str = ""  # key of the output in the blob store
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say: names in sorted order, before-state of every FAIL_TO_PASS test."""

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    flaky_tests: tuple[str, ...] = ()
    pre_fix_outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    rejection: Rejection | None = None


@dataclass(frozen=True, kw_only=True)
class TestStrength:
    """What the tests notice of a gold patch: its pieces, and those that can be left out."""

    __test__ = False  # pytest need not look for tests in it

    hunks: tuple[str, ...]  # "path" or "path @@ -old,lines"
    untested: tuple[str, ...]  # without one of these every FAIL_TO_PASS test still passes


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a candidate's tests run in, and what it cost."""

    key: str
    backend: str
    requirements_from: str = "base"  # "gold" where the requirements are those of the gold patch
    python: str
    lock: str  # requirements text
    exclude_newer: datetime
    lock_adjustments: tuple[str, ...]
    system_packages: tuple[str, ...]
    handle: str
    digest: str
    dockerfiles: Mapping[str, str]
    layer_bytes: Mapping[str, int]
    lock_seconds: float
    build_seconds: float
    environment_seconds: float
    env_vars: Mapping[str, str] = field(default_factory=dict)  # exported for every run


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The whole record of one candidate's validation, keyed by the hash of its inputs."""

    instance_id: str
    inputs_hash: str  # hash of candidate, recipe, lock inputs and options
    curate_version: str
    recipe_hash: str
    started_at: datetime
    finished_at: datetime
    test_command: str
    environment: Environment | None
    runs: tuple[Run, ...]
    verdict: Verdict
    attempts: tuple[str, ...] = ()  # every environment that was tried, and what came of it
    test_strength: TestStrength | None = None  # of verified instances, where it was measured
    strength_seconds: float = 0.0  # CPU-seconds of measuring it

    @property
    def is_verified(self) -> bool:
        """Whether the candidate became an instance."""
        return self.verdict.rejection is None

    @property
    def core_seconds(self) -> float:
        """CPU-seconds of all runs plus the seconds of lock and build (one core each)."""
        spent = sum(run.cpu_seconds for run in self.runs) + self.strength_seconds
        env = self.environment
        return spent + (env.lock_seconds + env.build_seconds if env else 0.0)

    @property
    def unique_bytes(self) -> int:
        """Bytes that only this instance needs: its own layer, not the shared ones."""
        return self.environment.layer_bytes.get("instance", 0) if self.environment else 0
