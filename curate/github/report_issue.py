"""One issue of a repository that holds a report: opened once, then updated, closed when empty."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from curate.github.client import GitHubClient

MAX_BODY = 60_000  # characters; GitHub takes 65,536
_PER_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class IssueReport:
    """What the issue says; it is found again by its label and title."""

    repo: str
    title: str
    label: str
    body: str  # Markdown; "" = there is nothing to report


@dataclass(frozen=True, kw_only=True)
class IssueChange:
    """What was done to the issue; number 0 = there is none."""

    number: int
    action: str  # "opened", "updated", "closed", "unchanged"


def publish_report_issue(client: GitHubClient, report: IssueReport) -> IssueChange:
    """Make the open issue of *report* say what it says; the same report again changes nothing.

    Of several open issues of that title the oldest counts. An issue is opened by a single request,
    so one that was opened although its answer was lost is found by the next call. Raises what
    `GitHubClient.write` raises.
    """
    numbers = {it["number"]: str(it.get("body") or "") for it in _find_issues(client, report)}
    number, body = min(numbers, default=0), _shorten(report.body)
    place = f"repos/{report.repo}/issues"
    if not number and not body:
        return IssueChange(number=0, action="unchanged")
    if not number:
        fields = {"title": report.title, "body": body, "labels": [report.label]}
        made = client.write("POST", place, fields).body
        return IssueChange(number=int(made["number"]), action="opened")
    if not body:
        client.write("PATCH", f"{place}/{number}", {"state": "closed"})
        return IssueChange(number=number, action="closed")
    if numbers[number].replace("\r\n", "\n").strip() == body:
        return IssueChange(number=number, action="unchanged")
    client.write("PATCH", f"{place}/{number}", {"body": body})
    return IssueChange(number=number, action="updated")


def _find_issues(client: GitHubClient, report: IssueReport) -> Iterator[dict[str, Any]]:
    """Yield the open issues with label and title of *report*."""
    page = 1
    while True:
        asked = {"state": "open", "labels": report.label, "per_page": _PER_PAGE, "page": page}
        found = client.get(f"repos/{report.repo}/issues", asked).body
        yield from (it for it in found if _is_report(it, report))
        if len(found) < _PER_PAGE:
            return
        page += 1


def _is_report(issue: dict[str, Any], report: IssueReport) -> bool:
    return issue.get("title") == report.title and "pull_request" not in issue


def _shorten(body: str) -> str:
    text = body.strip()
    if len(text) <= MAX_BODY:
        return text
    lines = text[:MAX_BODY].splitlines()[:-1]
    left = len(text.splitlines()) - len(lines)
    return "\n".join([*lines, f"… and {left:,} more lines, in the report of the night."])
