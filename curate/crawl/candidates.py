"""From merged pull requests to candidates, or to the reasons why they are none.

`surveyed` uses the mirror alone; `extracted` needs the issues the surveys ask for. Both take many
pulls and answer in order, one at a time, while git works ahead.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

from builders.git.run import GitFailed
from curate.core.model import Candidate, Issue, Link, PullRequest, Rejection
from curate.crawl.base_commit import DiffPair, at_merge_base, diff_pair, untouched
from curate.crawl.issue_links import links
from curate.crawl.reverts import Reverts
from curate.git.commit_graph import History
from curate.git.diff import FileChange
from curate.git.mirror import Mirror
from curate.git.versions import VersionNames
from curate.github.issues import IS_A_PULL
from curate.patches.file_kinds import PathRules
from curate.patches.parse import crosses, sections, split

STAGE = "crawl"

MISSING_OBJECTS = "missing-objects"
EMPTY_PATCH = "empty-patch"
NO_TESTS = "no-tests"
NO_SOURCE = "no-source"
NO_ISSUE = "no-issue"
ISSUE_IS_A_PULL = "issue-is-a-pull"
ISSUE_NOT_FOUND = "issue-not-found"
EMPTY_PROBLEM_STATEMENT = "empty-problem-statement"
REASONS = (
    MISSING_OBJECTS,
    EMPTY_PATCH,
    NO_TESTS,
    NO_SOURCE,
    NO_ISSUE,
    ISSUE_IS_A_PULL,
    ISSUE_NOT_FOUND,
    EMPTY_PROBLEM_STATEMENT,
)
"""Every reason of this stage, in the order in which they are looked for."""

_COMMITS = 250  # of a pull, as many as GitHub lists
_CHECKS = 2  # `git apply --check` at once
_AHEAD = 8  # patches whose checks may be under way when the next is asked for

Answers = Mapping[tuple[str, int], Issue | str]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What decides over the pulls of a repository, besides what GitHub says of them."""

    mirror: Mirror
    rules: PathRules
    version_of: VersionNames
    reverts: Reverts = field(default_factory=Reverts)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What the mirror says of a pull that touches tests and source and claims an issue."""

    pull: PullRequest
    pair: DiffPair
    changes: tuple[FileChange, ...]
    links: tuple[Link, ...]
    started_at: datetime  # when the pull's first commit was written


def rejected(reason: str, detail: str = "") -> Rejection:
    """A rejection of this stage."""
    return Rejection(stage=STAGE, reason=reason, detail=detail)


def surveyed(pulls: Sequence[PullRequest], this: Ground) -> Iterator[Survey | Rejection]:
    """Look at each of *pulls* without asking GitHub: objects, files, links, in this order."""
    pairs = [diff_pair(this.mirror.history, pull) for pull in pulls]
    lists = this.mirror.diffs.files([pair.sides for pair in pairs if pair])
    for pull, pair in zip(pulls, pairs, strict=True):
        if pair is None:
            yield rejected(MISSING_OBJECTS, f"neither {pull.head_oid} nor {pull.merge_oid}")
        else:
            yield _survey(pull, pair, next(lists), this)


def _survey(
    pull: PullRequest, pair: DiffPair, changes: tuple[FileChange, ...] | GitFailed, this: Ground
) -> Survey | Rejection:
    if isinstance(changes, GitFailed):
        return rejected(MISSING_OBJECTS, str(changes))
    fallen = _unfit(changes, this.rules)
    if fallen:
        return fallen
    history = this.mirror.history
    claimed = links(pull, _messages(pair, history))
    if not claimed and not is_short(pull, history):
        return rejected(NO_ISSUE)
    started_at = _begun(pull, pair, history)
    return Survey(pull=pull, pair=pair, changes=changes, links=claimed, started_at=started_at)


def _begun(pull: PullRequest, pair: DiffPair, history: History) -> datetime:
    """When the solution was begun: its first commit, or as near as can be told without the head.

    A squash is written when it is merged, so what GitHub says of the pull counts beside it.
    """
    written = [history.authored_at(oid) for oid in pair.commits]
    if pull.head_oid not in history:
        written += [pull.created_at, *filter(None, [pull.begun_at])]
    return min(written)


def _messages(pair: DiffPair, history: History) -> list[str]:
    """What the commits say; nothing where there are more than GitHub lists of a pull.

    Then a whole other history came in, and `fixes #12` means an issue of another project.
    """
    few = len(pair.commits) <= _COMMITS
    return [history.message(oid) for oid in pair.commits] if few else []


def is_short(pull: PullRequest, history: History) -> bool:
    """Whether GitHub may know of claims that neither *pull* nor the mirror shows."""
    return bool(pull.closing_cursor) or pull.head_oid not in history


def relinked(found: Survey, pull: PullRequest, history: History) -> Survey | Rejection:
    """*found* with the claims of *pull*, which has all that GitHub knows."""
    claimed = links(pull, _messages(found.pair, history))
    if not claimed:
        return rejected(NO_ISSUE)
    started_at = _begun(pull, found.pair, history)
    return replace(found, pull=pull, links=claimed, started_at=started_at)


def extracted(
    found: Sequence[Survey], this: Ground, answers: Answers
) -> Iterator[Candidate | Rejection]:
    """Make the candidates; *answers* has an issue or the reason it is missing for every link."""
    stories = [_story(survey, answers) for survey in found]
    fit = [it for it, story in zip(found, stories, strict=True) if isinstance(story, _Story)]
    patches = _checked_patches(fit, this.mirror)
    for survey, story in zip(found, stories, strict=True):
        yield story if isinstance(story, Rejection) else _candidate(survey, story, patches, this)


def _checked_patches(
    fit: Sequence[Survey], mirror: Mirror
) -> Iterator[tuple[bytes | GitFailed, bool]]:
    """The patch of each survey, and whether it applies at its base.

    Git makes patches and checks them, two at a time, while the caller is busy with earlier ones.
    """
    patches = mirror.diffs.patches([survey.pair.sides for survey in fit])
    there = untouched(mirror, [(survey.pair, survey.changes) for survey in fit])
    ahead: deque[tuple[bytes | GitFailed, Future[bool] | None]] = deque()
    with ThreadPoolExecutor(_CHECKS) as pool:
        for survey, patch, known in zip(fit, patches, there, strict=True):
            check = None
            if not known and not isinstance(patch, GitFailed):
                check = pool.submit(mirror.applies, survey.pair.base, patch)
            ahead.append((patch, check))
            if len(ahead) > _AHEAD:
                yield _settled(*ahead.popleft())
        yield from (_settled(*it) for it in ahead)


def _settled(
    patch: bytes | GitFailed, check: Future[bool] | None
) -> tuple[bytes | GitFailed, bool]:
    return patch, check is None or check.result()


@dataclass(frozen=True, kw_only=True)
class _Story:
    """What the issues of a pull say."""

    statement: str
    hints: str
    closed: tuple[Link, ...]


def _story(survey: Survey, answers: Answers) -> _Story | Rejection:
    closed = tuple(link for link in survey.links if isinstance(_answer(answers, link), Issue))
    issues = [issue for link in closed if isinstance(issue := _answer(answers, link), Issue)]
    if not issues:
        return _without_issue(survey.links, answers)
    statement = problem_statement(issues)
    if not statement.strip():
        return rejected(EMPTY_PROBLEM_STATEMENT)
    hints = hints_text(issues, survey.started_at)
    return _Story(statement=statement, hints=hints, closed=closed)


def _candidate(
    survey: Survey,
    story: _Story,
    patches: Iterator[tuple[bytes | GitFailed, bool]],
    this: Ground,
) -> Candidate | Rejection:
    pull, pair, is_test = survey.pull, survey.pair, this.rules.is_test
    patch, applies = next(patches)
    parts = () if isinstance(patch, GitFailed) else sections(patch)
    if crosses(parts, is_test):
        patch = this.mirror.diffs.plain_patch(pair.sides)
        parts = () if isinstance(patch, GitFailed) else sections(patch)
    if isinstance(patch, GitFailed):
        return rejected(MISSING_OBJECTS, str(patch))
    pair = pair if applies else at_merge_base(pair)
    gold, test = split(parts, is_test)
    return Candidate(
        instance_id=instance_id(pull.repo, pull.number),
        repo=pull.repo,
        pull_number=pull.number,
        base_commit=pair.base,
        base_rule=pair.rule,
        head_commit=pull.head_oid,
        merge_commit=pull.merge_oid,
        patch=gold,
        test_patch=test,
        problem_statement=story.statement,
        hints_text=story.hints,
        created_at=pull.created_at,
        version=this.version_of(pair.base),
        links=story.closed,
        reverts=this.reverts.of.get(pull.number, ()),
        reverted_by=this.reverts.by.get(pull.number, ()),
    )


def instance_id(repo: str, number: int) -> str:
    """SWE-bench's form: `owner__repo-N`."""
    return f"{repo.replace('/', '__')}-{number}"


def problem_statement(issues: Sequence[Issue]) -> str:
    """Title and body of every issue, a line break after each, as SWE-bench joins them."""
    return "".join(f"{issue.title}\n{issue.body}\n" for issue in issues if _says_something(issue))


def hints_text(issues: Sequence[Issue], before: datetime) -> str:
    """Comments of *issues* made before the solution was begun, one after the other."""
    return "\n".join(
        comment.body
        for issue in issues
        for comment in issue.comments
        if comment.created_at < before
    )


def _unfit(changes: Sequence[FileChange], rules: PathRules) -> Rejection | None:
    if not changes:
        return rejected(EMPTY_PATCH)
    if not any(change.status != "D" and rules.is_test(change.path) for change in changes):
        return rejected(NO_TESTS)
    if not any(rules.is_source(change.path) for change in changes):
        return rejected(NO_SOURCE)
    return None


def _answer(answers: Answers, link: Link) -> Issue | str | None:
    return answers.get((link.repo, link.number))


def _without_issue(claimed: Sequence[Link], answers: Answers) -> Rejection:
    named = ", ".join(f"{link.repo}#{link.number}" for link in claimed)
    pulls = all(_answer(answers, link) == IS_A_PULL for link in claimed)
    return rejected(ISSUE_IS_A_PULL if pulls else ISSUE_NOT_FOUND, named)


def _says_something(issue: Issue) -> bool:
    return bool(issue.title.strip() or issue.body.strip())
