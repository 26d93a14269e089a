"""Reads data/sample: an invented project as data, and what curate should say of its pulls."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
VERIFIED = "verified"


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who commits."""

    login: str
    name: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A comment under an issue."""

    author: str
    created: datetime
    body: str


@dataclass(frozen=True, kw_only=True)
class SampleIssue:
    """An issue of the invented project."""

    number: int
    title: str
    body: str
    author: str
    created: datetime
    comments: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SampleCommit:
    """One commit of a pull's branch: its message and the paths it takes from the change."""

    message: str
    paths: tuple[str, ...] = (".",)


@dataclass(frozen=True, kw_only=True)
class SamplePull:
    """A pull of the invented project: what it changes and what should become of it."""

    folder: Path
    number: int
    title: str
    body: str
    author: str
    created: datetime
    style: str  # "squash" | "merge" | "rebase" | "none" (closed without a merge)
    merged: datetime | None = None
    closed: datetime | None = None
    fork: int | None = None  # pull after whose merge the branch starts; None = newest
    tag: str = ""  # tag put on the merge
    delete: tuple[str, ...] = ()
    commits: tuple[SampleCommit, ...] = ()
    github_links: tuple[int, ...] = ()  # what closingIssuesReferences answers
    expected: str = ""  # "verified" or "stage/reason"; "" = not counted at all
    fail_to_pass: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()  # tests that the runs must disagree about, and no others
    untested: tuple[str, ...] = ()  # hunks of the gold patch that no FAIL_TO_PASS test needs

    @property
    def branch(self) -> str:
        """Name of the head branch."""
        return self.folder.name.partition("-")[2]

    @property
    def after(self) -> Path:
        """Files written over the tree."""
        return self.folder / "after"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The whole invented project."""

    name: str
    description: str
    default_branch: str
    base: Path
    first: Mapping[str, Any]  # message, date, author and tag of the first commit
    authors: Mapping[str, Author]
    issues: tuple[SampleIssue, ...]
    pulls: tuple[SamplePull, ...]  # by number

    def expected_funnel(self) -> dict[str, Any]:
        """What `curate status --json` should say of the project."""
        counted = Counter(pull.expected for pull in self.pulls if pull.merged)
        verified = counted.pop(VERIFIED, 0)
        crawled = sum(n for reason, n in counted.items() if reason.startswith("crawl/"))
        pulls = sum(1 for pull in self.pulls if pull.merged)
        return {
            "pulls": pulls,
            "candidates": pulls - crawled,
            "verified": verified,
            "rejected": dict(sorted(counted.items())),
        }


def load(folder: Path = SAMPLE) -> Sample:
    """The sample in *folder*; a misspelt key is a TypeError."""
    project = _toml(folder / "project.toml")
    issues = _toml(folder / "issues.toml")["issue"]
    pulls = [_pull(path.parent) for path in sorted((folder / "pulls").glob("*/pull.toml"))]
    return Sample(
        name=project["name"],
        description=project["description"],
        default_branch=project["default_branch"],
        base=folder / "base",
        first=project["first"],
        authors={login: Author(login=login, **who) for login, who in project["authors"].items()},
        issues=tuple(_issue(issue) for issue in issues),
        pulls=tuple(sorted(pulls, key=lambda pull: pull.number)),
    )


def _pull(folder: Path) -> SamplePull:
    fields = _toml(folder / "pull.toml")
    commits = [
        SampleCommit(message=commit["message"], paths=tuple(commit["paths"]))
        for commit in fields.pop("commits", ())
    ]
    values: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()
    }
    return SamplePull(folder=folder, commits=tuple(commits), **values)


def _issue(fields: dict[str, Any]) -> SampleIssue:
    comments = tuple(Remark(**remark) for remark in fields.pop("comments", ()))
    return SampleIssue(comments=comments, **fields)


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
