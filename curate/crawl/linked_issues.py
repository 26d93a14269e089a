"""The issues that links lead to, each of them once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curate.core.model import Issue, IssueLink
from curate.crawl.issue_links import SOURCES

IssueAnswers = Mapping[tuple[str, int], Issue | str]
"""The issue at each place, or the reason why there is none."""


@dataclass(frozen=True, kw_only=True)
class LinkedIssues:
    """The issues that a PR links, each of them once, and the links to them."""

    issues: tuple[Issue, ...]
    links: tuple[IssueLink, ...]


def find_linked_issues(links: Sequence[IssueLink], answers: IssueAnswers) -> LinkedIssues:
    """Return the issues in the order of the links.

    Several links may lead to one issue after a transfer or a rename of its repository.
    """
    issues: dict[object, Issue] = {}
    sources: dict[object, set[str]] = {}
    for link in links:
        issue = answers.get((link.repo, link.number))
        if isinstance(issue, Issue):
            identity = issue.node_id or (issue.repo, issue.number)
            issues.setdefault(identity, issue)
            sources.setdefault(identity, set()).update(link.sources)
    merged = tuple(
        IssueLink(
            repo=issue.repo,
            number=issue.number,
            sources=tuple(it for it in SOURCES if it in sources[identity]),
        )
        for identity, issue in issues.items()
    )
    return LinkedIssues(issues=tuple(issues.values()), links=merged)
