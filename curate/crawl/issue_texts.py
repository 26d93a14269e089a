"""Problem statement and hints: the texts of issues as they were before the solution.

The statement is what an issue said when the PR was opened, a hint what a comment said at the PR's
first commit. Texts that were edited later are taken from GitHub's edit history.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from curate.core.model import Comment, Issue


@dataclass(frozen=True, kw_only=True)
class IssueTexts:
    """Texts of the issues linked by a PR."""

    statement: str
    hints: str
    edited_after: datetime | None  # last edit of a title or text that could not be undone
    omitted_hints: int  # comments whose text before the solution is not known


def make_issue_texts(
    issues: Sequence[Issue], *, opened_at: datetime, started_at: datetime
) -> IssueTexts:
    """Make the texts of a PR that was opened at *opened_at*, with first commit at *started_at*.

    The statement has title and body of every issue, each followed by a newline, as in SWE-bench.
    The hints are the comments created before *started_at*.
    """
    statement = ""
    late_edits = []
    for issue in issues:
        day = max(opened_at, issue.created_at)
        title, body = _title_at(issue, day), _text_at(issue, issue.body, day)
        if body is None:
            late_edits.append(issue.edited_at)
            body = issue.body
        if title.strip() or body.strip():
            statement += f"{title}\n{body}\n"
    hints = [_text_at(it, it.body, started_at) for it in _comments_before(issues, started_at)]
    return IssueTexts(
        statement=statement,
        hints="\n".join(hint for hint in hints if hint is not None),
        edited_after=max(filter(None, late_edits), default=None),
        omitted_hints=hints.count(None),
    )


def find_unread_histories(
    issues: Sequence[Issue], *, opened_at: datetime, started_at: datetime
) -> Iterator[str]:
    """Yield the node ids of texts that `make_issue_texts` needs the edit histories of."""
    for issue in issues:
        if _was_edited_after(issue, max(opened_at, issue.created_at)) and issue.edits is None:
            yield issue.node_id
    for comment in _comments_before(issues, started_at):
        if _was_edited_after(comment, started_at) and comment.edits is None:
            yield comment.node_id


def _comments_before(issues: Sequence[Issue], moment: datetime) -> list[Comment]:
    return [it for issue in issues for it in issue.comments if it.created_at < moment]


def _was_edited_after(text: Issue | Comment, moment: datetime) -> bool:
    return text.edited_at is not None and text.edited_at > moment


def _text_at(source: Issue | Comment, present: str, moment: datetime) -> str | None:
    """Return what *source*, which now reads *present*, said at *moment*; None if unknown."""
    if not _was_edited_after(source, moment):
        return present
    edits = source.edits or ()
    # GitHub calls an edit's text a summary of it. It is a whole text if the last one is.
    if not edits or (edits[-1].text is not None and not _is_same(edits[-1].text, present)):
        return None
    earlier = [edit.text for edit in edits if edit.edited_at <= moment]
    return earlier[-1] if earlier else None


def _is_same(text: str, other: str) -> bool:
    return text.split() == other.split()


def _title_at(issue: Issue, moment: datetime) -> str:
    later = (it.before for it in issue.title_changes if it.changed_at > moment)
    return next(later, issue.title)
