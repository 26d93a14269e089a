"""Stored issues compared with what GitHub has now, and completed by it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curate.core.model import Issue, IssueLink, IssueRef, TextEdit
from curate.github.issues import MALFORMED, NOT_FOUND, IssueVersion


def is_stale(known: Issue | str | None, version: IssueVersion | None) -> bool:
    """Whether what is stored of an issue, *known*, is not what GitHub has in *version*."""
    if isinstance(known, Issue):
        changed = version is not None and version.updated_at > known.updated_at
        return changed or is_outdated(known) or is_elsewhere(known, version)
    return known in (NOT_FOUND, MALFORMED) and version is not None


def is_elsewhere(known: Issue | str | None, version: IssueVersion | None) -> bool:
    """Whether *known* is an issue that is no longer at the place of *version*."""
    if not isinstance(known, Issue):
        return False
    return version is None or bool(known.node_id and version.node_id != known.node_id)


def is_outdated(answer: Issue | str) -> bool:
    """Whether *answer* is an issue that was stored before edits were read."""
    return isinstance(answer, Issue) and not answer.node_id


def add_present_places(
    claims: Mapping[int, Sequence[IssueLink]],
    answers: Mapping[tuple[str, int], Issue | str],
) -> dict[int, list[IssueLink | IssueRef]]:
    """Return *claims* and, for each link to an issue that has moved, the issue's present place."""
    found: dict[int, list[IssueLink | IssueRef]] = {}
    for number, links in claims.items():
        issues = [answers.get((link.repo, link.number)) for link in links]
        places = [
            IssueRef(repo=it.repo, number=it.number) for it in issues if isinstance(it, Issue)
        ]
        found[number] = [*links, *places]
    return found


def list_text_ids(issue: Issue) -> set[str]:
    """Return the node ids of an issue and its comments."""
    return {issue.node_id, *(comment.node_id for comment in issue.comments)}


def add_edits_to_issue(issue: Issue, edits: Mapping[str, tuple[TextEdit, ...]]) -> Issue:
    """Return *issue* with the *edits* of its texts, by node id."""
    comments = tuple(
        replace(comment, edits=edits.get(comment.node_id, comment.edits))
        for comment in issue.comments
    )
    return replace(issue, edits=edits.get(issue.node_id, issue.edits), comments=comments)
