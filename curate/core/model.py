"""The data model: immutable records that stages pass to the store and to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from curate.builders.model import Outcome, ResourceLimits


@dataclass(frozen=True, kw_only=True)
class IssueRef:
    """A pointer to an issue, possibly of another repository."""

    repo: str  # "owner/name"
    number: int


@dataclass(frozen=True, kw_only=True)
class IssueLink:
    """An issue that a PR says it closes, and where it says so."""

    repo: str
    number: int
    sources: tuple[str, ...]  # of "title", "body", "commit", "github", in this order


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A merged pull request, as returned by GitHub's API."""

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
    closing_cursor: str | None = None  # endCursor of `closing` if GitHub has further pages
    # Author date of the first commit; None if it was not requested from GitHub.
    first_commit_at: datetime | None = None
    is_gone: bool = False  # GitHub had it once and no longer shows it
    malformed: str = ""  # what GitHub's answer lacked; the other fields have stand-ins then


@dataclass(frozen=True, kw_only=True)
class IncrementalCrawl:
    """Progress of a later crawl: page by page from the newest update back to the watermark."""

    until: datetime | None = None  # stop at PRs updated before this; None = read all pages
    since: datetime | None = None  # `CrawlState.since` once this crawl has finished
    cursor: str | None = None  # where it resumes
    newest_update: datetime | None = None  # newest updated_at at its start, the next watermark


@dataclass(frozen=True, kw_only=True)
class CrawlState:
    """Progress of the crawl of a repository, and its cost so far."""

    cursor: str | None = None  # where the first crawl resumes
    is_complete: bool = False  # whether the first crawl has seen every PR
    watermark: datetime | None = None  # newest updated_at seen
    since: datetime | None = None  # `is_complete` holds for PRs updated since then; None = all
    incremental_crawl: IncrementalCrawl | None = None  # an interrupted later crawl
    issues_watermark: datetime | None = None  # stored issues are at least as new as this
    last_number: int = 0  # highest number of an issue or PR seen
    # Numbers up to it that were no issue or PR when stored ones were last looked for; None = never.
    gaps: int | None = None
    requests: int = 0
    points: int = 0  # of GitHub's GraphQL rate limit


@dataclass(frozen=True, kw_only=True)
class TextEdit:
    """One version of an edited text, the first one included."""

    edited_at: datetime
    text: str | None  # the whole text after this edit; None if GitHub does not show it


@dataclass(frozen=True, kw_only=True)
class TitleChange:
    """A change of an issue's title."""

    changed_at: datetime
    before: str


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment on an issue."""

    created_at: datetime
    body: str
    author: str = ""
    node_id: str = ""  # GitHub's global id
    edited_at: datetime | None = None  # last edit of body; None if it was never edited
    edits: tuple[TextEdit, ...] | None = None  # in order of time; None if not requested


@dataclass(frozen=True, kw_only=True)
class Issue:
    """An issue as returned by GitHub's API, with its comments in order of creation."""

    repo: str
    number: int
    title: str
    body: str
    created_at: datetime
    updated_at: datetime
    comments: tuple[Comment, ...] = ()
    node_id: str = ""  # GitHub's global id; empty if stored before edits were read
    edited_at: datetime | None = None  # last edit of body; None if it was never edited
    edits: tuple[TextEdit, ...] | None = None  # of body, in order of time; None if not requested
    title_changes: tuple[TitleChange, ...] = ()  # in order of time


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A pull request that could become a task instance; a row of the raw split."""

    instance_id: str  # "owner__repo-N"
    repo: str
    pull_number: int
    base_commit: str
    base_commit_rule: str  # the rule that determined base_commit and patch
    head_commit: str
    merge_commit: str | None
    patch: bytes  # gold patch: every non-test file
    test_patch: bytes
    problem_statement: str
    hints_text: str
    created_at: datetime
    version: str
    issue_links: tuple[IssueLink, ...] = ()
    reverts: tuple[int, ...] = ()  # earlier PRs that this one reverts
    reverted_by: tuple[int, ...] = ()  # later PRs that revert this one
    # Last edit of an issue's text that could not be undone to the day of the PR; None if none.
    statement_edited_after: datetime | None = None
    omitted_hints: int = 0  # comments left out, as only a later version of them is known

    @property
    def issue_numbers(self) -> tuple[int, ...]:
        """Numbers of the linked issues of this repository, ascending."""
        return tuple(sorted(link.number for link in self.issue_links if link.repo == self.repo))


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why a PR or candidate was rejected, and at which stage."""

    stage: str  # "crawl", "lock", "build", "install", "collect", "validate", ...
    reason: str  # short and countable, e.g. "no-tests"
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class ManualExclusion:
    """A person's judgement that a candidate must not be published."""

    instance_id: str
    reason: str
    author: str
    excluded_at: datetime


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The outcome for one PR, and the inputs it depends on."""

    number: int
    outcome: Candidate | Rejection
    inputs_hash: str = ""  # hash of all inputs except the PR itself


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
    slowest_test_seconds: float = 0.0  # longest phase of a test that stayed within its time


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of all runs: sorted node ids, and the pre-patch outcome of FAIL_TO_PASS tests."""

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    flaky_tests: tuple[str, ...] = ()
    pre_fix_outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    rejection: Rejection | None = None


@dataclass(frozen=True, kw_only=True)
class TestStrength:
    """Hunk ablation of a gold patch: its hunks, and those that no test depends on."""

    __test__ = False  # not a test class: keeps pytest from collecting it

    hunks: tuple[str, ...]  # "path" or "path @@ -old,lines"
    untested: tuple[str, ...]  # every FAIL_TO_PASS test still passes without this hunk


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The environment in which a candidate's tests run, and its cost."""

    key: str
    backend: str
    requirements_from: str = "base"  # "gold": the requirements after the gold patch
    python: str
    lock: str  # requirements text
    exclude_newer: datetime
    date: datetime | None = None  # that the environment is built for, at or after exclude_newer
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
    test_seconds: float = 60.0  # time limit of a test
    limits: ResourceLimits = field(default_factory=ResourceLimits)  # of a run, but test_seconds
    # Globs by which a graded patch is kept from tests, beyond those of every repository.
    protected_paths: tuple[str, ...] = ()
    # What the steps of the Dockerfiles read, by name; {} = built before this was recorded.
    build_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_image(self) -> str:
        """The image that its layers rest on, as the setting named it; "" = it is no image."""
        return self.dockerfiles.get("base", "").partition("\n")[0].removeprefix("FROM ")


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The record of one candidate's validation, keyed by the hash of its inputs."""

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
    attempts: tuple[str, ...] = ()  # every environment tried, and its result
    # Keys in the blob store of the log of each attempt's failed lock or build; "" if none failed.
    attempt_logs: tuple[str, ...] = ()
    test_strength: TestStrength | None = None  # None if rejected or not measured
    strength_seconds: float = 0.0  # CPU-seconds spent measuring it

    @property
    def is_verified(self) -> bool:
        """Whether the candidate became an instance."""
        return self.verdict.rejection is None

    @property
    def work_seconds(self) -> float:
        """CPU-seconds of all runs, and wall seconds of lock and build, whose CPU is unknown."""
        spent = sum(run.cpu_seconds for run in self.runs) + self.strength_seconds
        env = self.environment
        return spent + (env.lock_seconds + env.build_seconds if env else 0.0)

    @property
    def unique_bytes(self) -> int:
        """Bytes of this instance's own image layer, without the shared layers."""
        return self.environment.layer_bytes.get("instance", 0) if self.environment else 0
