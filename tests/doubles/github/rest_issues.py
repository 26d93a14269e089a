"""The REST requests that list, open and edit issues."""

from collections.abc import Callable
from datetime import UTC, datetime

from tests.doubles.github.data import Json, Repository, World
from tests.doubles.github.faults import Answer

Change = Callable[[World, str, Json], Answer]
"""(world, path, document) -> answer"""


def list_issues(found: Repository, asked: Json) -> list[Json]:
    """Issues and pulls of *found* with the labels and in the state of *asked*, newest first."""
    labels = set(filter(None, asked.get("labels", "").split(",")))
    state = asked.get("state", "open").upper()
    pulls = [{**it, "pull_request": {}} for it in found.pulls.values()]
    things = [*found.issues.values(), *pulls]
    fit = [
        it
        for it in things
        if state in ("ALL", "OPEN" if it["state"] == "OPEN" else "CLOSED")
        and labels <= {*it.get("labels", ())}
    ]
    return [_show(it) for it in sorted(fit, key=lambda it: it["createdAt"], reverse=True)]


def create_issue(world: World, path: str, document: Json) -> Answer:
    """Open an issue: POST repos/OWNER/NAME/issues."""
    found, _ = _find(world, path)
    if found is None:
        return _missing()
    if not document.get("title"):
        return Answer.of(422, {"message": "Validation Failed"})
    number = max([0, *found.issues, *found.pulls]) + 1
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found.issues[number] = {
        "number": number,
        "title": document["title"],
        "body": document.get("body") or "",
        "labels": list(document.get("labels") or ()),
        "state": "OPEN",
        "createdAt": now,
        "updatedAt": now,
        "author": "curate",
        "comments": [],
    }
    return Answer.of(201, _show(found.issues[number]))


def edit_issue(world: World, path: str, document: Json) -> Answer:
    """Change an issue: PATCH repos/OWNER/NAME/issues/NUMBER."""
    found, number = _find(world, path)
    if found is None or number not in found.issues:
        return _missing()
    issue = found.issues[number]
    issue |= {key: document[key] for key in ("title", "body") if key in document}
    if "state" in document:
        issue["state"] = document["state"].upper()
    return Answer.of(200, _show(issue))


def _find(world: World, path: str) -> tuple[Repository | None, int]:
    words = path.removeprefix("/api/v3").strip("/").split("/")
    number = int(words[4]) if len(words) > 4 and words[4].isdigit() else 0
    return world.find("/".join(words[1:3])), number


def _missing() -> Answer:
    return Answer.of(404, {"message": "Not Found", "status": "404"})


def _show(issue: Json) -> Json:
    shown = {
        "number": issue["number"],
        "title": issue["title"],
        "body": issue["body"],
        "state": "open" if issue["state"] == "OPEN" else "closed",
        "labels": [{"name": name} for name in issue.get("labels", ())],
        "created_at": issue["createdAt"],
    }
    return shown | ({"pull_request": {}} if "pull_request" in issue else {})
