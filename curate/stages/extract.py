"""From a merged pull request to a candidate, or to the reason why it is none.

`survey` uses the mirror alone; `extract` needs the issues the survey asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from curate.git.base import DiffPair, diff_pair, settled
from curate.git.catfile import CommitText
from curate.git.command import GitFailed
from curate.git.difftree import FileChange
from curate.git.mirror import Mirror
from curate.git.patch import split
from curate.github.issues import IS_A_PULL
from curate.links import links
from curate.model import Candidate, Issue, Link, PullRequest, Rejection
from curate.testpaths import PathRules

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

Answers = Mapping[tuple[str, int], Issue | str]


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


def survey(pull: PullRequest, mirror: Mirror, rules: PathRules) -> Survey | Rejection:
    """Look at *pull* without asking GitHub: objects, files, links, in this order."""
    pair = diff_pair(mirror.history, pull)
    if pair is None:
        return rejected(MISSING_OBJECTS, f"neither {pull.head_oid} nor {pull.merge_oid}")
    try:
        changes = mirror.diffs.files(pair.old, pair.new)
    except GitFailed as failure:
        return rejected(MISSING_OBJECTS, str(failure))
    fallen = _unfit(changes, rules)
    if fallen:
        return fallen
    commits = [text for oid in pair.commits if (text := mirror.objects.commit(oid))]
    claimed = links(pull, [commit.message for commit in commits])
    if not claimed:
        return rejected(NO_ISSUE)
    return Survey(
        pull=pull,
        pair=pair,
        changes=changes,
        links=claimed,
        started_at=_started_at(pull, commits),
    )


def extract(
    found: Survey,
    mirror: Mirror,
    rules: PathRules,
    answers: Answers,
    version_of: Callable[[str], str],
) -> Candidate | Rejection:
    """Make the candidate; *answers* has an issue or the reason it is missing for every link."""
    closed = tuple(link for link in found.links if isinstance(_answer(answers, link), Issue))
    issues = [issue for link in closed if isinstance(issue := _answer(answers, link), Issue)]
    if not issues:
        return _without_issue(found.links, answers)
    statement = problem_statement(issues)
    if not statement.strip():
        return rejected(EMPTY_PROBLEM_STATEMENT)
    try:
        patch = mirror.diffs.patch(found.pair.old, found.pair.new)
    except GitFailed as failure:
        return rejected(MISSING_OBJECTS, str(failure))
    gold, test = split(patch, rules.is_test)
    pair = settled(mirror, found.pair, found.changes, patch)
    pull = found.pull
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
        problem_statement=statement,
        hints_text=hints_text(issues, found.started_at),
        created_at=pull.created_at,
        version=version_of(pair.base),
        links=closed,
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
    if not any(rules.is_test(change.path) and change.status != "D" for change in changes):
        return rejected(NO_TESTS)
    if not any(rules.is_source(change.path) for change in changes):
        return rejected(NO_SOURCE)
    return None


def _started_at(pull: PullRequest, commits: Sequence[CommitText]) -> datetime:
    return min((commit.authored_at for commit in commits), default=pull.created_at)


def _answer(answers: Answers, link: Link) -> Issue | str | None:
    return answers.get((link.repo, link.number))


def _without_issue(claimed: Sequence[Link], answers: Answers) -> Rejection:
    named = ", ".join(f"{link.repo}#{link.number}" for link in claimed)
    pulls = all(_answer(answers, link) == IS_A_PULL for link in claimed)
    return rejected(ISSUE_IS_A_PULL if pulls else ISSUE_NOT_FOUND, named)


def _says_something(issue: Issue) -> bool:
    return bool(issue.title.strip() or issue.body.strip())
