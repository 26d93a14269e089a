"""What happened when: issue, pull request, base commit, packages, merge, validation."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from curate.report.browser.facts import InstanceFacts
from curate.report.browser.text import show_controls


@dataclass(frozen=True, kw_only=True)
class TimelineEvent:
    """An event; `date` is None where it is not known, then it stands where it belongs."""

    date: datetime | None
    what: str
    address: str = ""


def make_timeline(facts: InstanceFacts) -> list[TimelineEvent]:
    """Return the events of a candidate, oldest first; the base commit before the PR's first one."""
    events = sorted(_list_events(facts), key=_sort_key)
    begins = {"first commit of the pull request", "pull request opened"}
    position = next(index for index, event in enumerate(events) if event.what in begins)
    commit, rule = facts.candidate.base_commit, facts.candidate.base_commit_rule
    address = f"{facts.website}/{facts.candidate.repo}/commit/{commit}"
    base = TimelineEvent(date=None, what=f"base commit {commit[:10]} (by {rule})", address=address)
    return [*events[:position], base, *events[position:]]


def _sort_key(event: TimelineEvent) -> float:
    return event.date.timestamp() if event.date else 0.0


def _list_events(facts: InstanceFacts) -> Iterator[TimelineEvent]:
    candidate, pull, site = facts.candidate, facts.pull, facts.website
    for issue in facts.issues:
        title = show_controls(issue.title)[:200]
        yield TimelineEvent(
            date=issue.created_at,
            what=f"issue {issue.repo}#{issue.number} opened: {title}",
            address=f"{site}/{issue.repo}/issues/{issue.number}",
        )
    if pull and pull.first_commit_at:
        yield TimelineEvent(date=pull.first_commit_at, what="first commit of the pull request")
    yield TimelineEvent(date=candidate.created_at, what="pull request opened")
    if candidate.statement_edited_after:
        edited = "issue edited; its text of before is lost"
        yield TimelineEvent(date=candidate.statement_edited_after, what=edited)
    if pull:
        yield TimelineEvent(date=pull.merged_at, what="pull request merged")
    if environment := facts.environment:
        cutoff = "packages as of this date (exclude-newer cutoff of the lock)"
        yield TimelineEvent(date=environment.exclude_newer, what=cutoff)
    if validation := facts.validation:
        verdict = "verified" if validation.is_verified else "rejected"
        yield TimelineEvent(date=validation.finished_at, what=f"validated: {verdict}")
    if one := facts.certification:
        yield TimelineEvent(date=one.certified_at, what=f"certified again: {one.result}")
