"""The sample as the GitHub double serves it: pulls and issues that agree with the git history."""

from datetime import datetime

from tests.demo.history import Commit, History, Landed
from tests.demo.sample import Sample, SampleIssue, SamplePull
from tests.doubles.github import Repository
from tests.doubles.github.data import Json


def make_repository(sample: Sample, history: History) -> Repository:
    """Facts, pulls and issues in the double's form; see `tests.doubles.github.data`."""
    return Repository.of(
        sample.name,
        pulls=[_pull(sample, pull, history.landed[pull.number]) for pull in sample.pulls],
        issues=[_issue(sample, issue) for issue in sample.issues],
        defaultBranch=sample.default_branch,
        description=sample.description,
        createdAt=_stamp(sample.first["date"]),
        license="MIT",
    )


def _pull(sample: Sample, pull: SamplePull, landed: Landed) -> Json:
    ended = pull.merged or pull.closed
    return {
        "number": pull.number,
        "title": pull.title,
        "body": pull.body,
        "state": "MERGED" if pull.merged else "CLOSED",
        "createdAt": _stamp(pull.created),
        "updatedAt": _stamp(ended),
        "mergedAt": _stamp(pull.merged),
        "closedAt": _stamp(ended),
        "baseRefName": sample.default_branch,
        "baseRefOid": landed.base_commit,
        "headRefName": pull.branch,
        "headRefOid": landed.head_commit,
        "mergeCommit": landed.merge and _commit(landed.merge),
        "author": pull.author,
        "commits": [_commit(commit) for commit in landed.commits],
        "closing": [{"repo": sample.name, "number": number} for number in pull.github_links],
    }


def _issue(sample: Sample, issue: SampleIssue) -> Json:
    fixes = [p.merged for p in sample.pulls if p.merged and issue.number in p.github_links]
    times = [issue.created, *(remark.created for remark in issue.comments), *fixes]
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": "CLOSED",
        "createdAt": _stamp(issue.created),
        "updatedAt": _stamp(max(times)),
        "closedAt": _stamp(max(fixes, default=max(times))),
        "author": issue.author,
        "comments": [
            {"createdAt": _stamp(remark.created), "body": remark.body, "author": remark.author}
            for remark in issue.comments
        ],
    }


def _commit(commit: Commit) -> Json:
    return {
        "oid": commit.oid,
        "message": commit.message,
        "authoredDate": _stamp(commit.authored),
        "committedDate": _stamp(commit.committed),
    }


def _stamp(time: object) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(time, datetime) else None
