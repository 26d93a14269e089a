"""Repositories, pulls, issues and their lists: the fields that lead from one thing to others."""

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.doubles.github.connection import paged
from tests.doubles.github.data import Json, Repository, World
from tests.doubles.github.refusal import not_found
from tests.doubles.github.things import Thing, rule


def find(world: World, owner_and_name: str) -> Thing:
    """Return a repository, or raise GitHub's NOT_FOUND."""
    repository = world.find(owner_and_name)
    if repository is None:
        raise not_found(f"a Repository with the name '{owner_and_name}'")
    return Thing("Repository", repository.facts, repository)


@rule("Query.repository")
def _repository(_: Any, info: Any, *, owner: str, name: str, **__: Any) -> Thing:
    return find(info.context.world, f"{owner}/{name}")


@rule("Query.rateLimit")
def _rate_limit(_: Any, info: Any, **__: Any) -> Any:
    return info.context.rate


@rule("Query.viewer")
def _viewer(*_: Any) -> Thing:
    return Thing("User", {"login": "octocat", "name": "The Octocat"})


@rule("Query.node")
def _node(_: Any, info: Any, *, id: str) -> Thing:
    try:
        kind, name, rest = base64.b64decode(id).decode().split(":", 2)
        thing = find(info.context.world, name)
        if kind == "IssueComment":
            return _comment(thing.repo, *map(int, rest.split(".")))
        return thing if kind == "Repository" else _member(thing.repo, kind, int(rest))
    except (ValueError, LookupError):
        raise not_found(f"a node with the global id of '{id}'") from None


def _member(repo: Repository, kind: str, number: int) -> Thing:
    return Thing(kind, {"PullRequest": repo.pulls, "Issue": repo.issues}[kind][number], repo)


def _comment(repo: Repository, number: int, position: int) -> Thing:
    parent = _member(repo, "Issue" if number in repo.issues else "PullRequest", number)
    data = parent.data["comments"][position]
    return Thing("IssueComment", {**data, "parent": parent, "position": position}, repo)


@rule("Repository.pullRequest")
def _pull(source: Thing, _: Any, *, number: int) -> Thing:
    if number not in source.repo.pulls:
        raise not_found(f"a PullRequest with the number of {number}")
    return _member(source.repo, "PullRequest", number)


@rule("Repository.issue")
def _issue(source: Thing, info: Any, *, number: int) -> Thing:
    found = _find_issue(info.context.world, source.repo, number)
    if found is None:
        raise not_found(f"an Issue with the number of {number}")
    return found


def _find_issue(world: World, repo: Repository, number: int) -> Thing | None:
    """Return an issue, or where it was transferred to; None if there is none that can be seen."""
    place = repo.facts.get("transferred", {}).get(str(number))
    if place:
        target = world.find(place["repo"])
        return _find_issue(world, target, place["number"]) if target else None
    return _member(repo, "Issue", number) if number in repo.issues else None


@rule("Repository.issueOrPullRequest")
def _either(source: Thing, info: Any, *, number: int) -> Thing:
    if number in source.repo.pulls:
        return _member(source.repo, "PullRequest", number)
    issue = _find_issue(info.context.world, source.repo, number)
    if issue:
        return issue
    raise not_found(f"an issue or pull request with the number of {number}")


def _ordered(things: Iterable[Thing], arguments: Json) -> Json:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    field = {"UPDATED_AT": "updatedAt", "CREATED_AT": "createdAt", "COMMENTS": None}[order["field"]]

    def key(thing: Thing) -> tuple[Any, int]:
        value = thing.data[field] if field else len(thing.data.get("comments", ()))
        return value, thing.data["number"]

    return paged(list(things), key, arguments, descending=order["direction"] == "DESC")


@rule("Repository.pullRequests", "Repository.issues")
def _members(source: Thing, info: Any, **arguments: Any) -> Json:
    pulls = info.field_name == "pullRequests"
    kind, known = ("PullRequest", source.repo.pulls) if pulls else ("Issue", source.repo.issues)
    wanted = {k: arguments[k] for k in ("baseRefName", "headRefName") if arguments.get(k)}
    return _ordered(
        (
            Thing(kind, it, source.repo)
            for it in known.values()
            if (not arguments.get("states") or it["state"] in arguments["states"])
            and (
                not arguments.get("labels") or set(arguments["labels"]) & set(it.get("labels", ()))
            )
            and (not wanted or wanted.items() <= it.items())
            and _passes(it, arguments.get("filterBy") or {})
        ),
        arguments,
    )


def _passes(data: Json, wanted: Json) -> bool:
    """Whether an issue passes `filterBy`; `since` includes the second it names."""
    since = wanted.get("since")
    states = wanted.get("states")
    return (not states or data["state"] in states) and (
        since is None or _time(data["updatedAt"]) >= _time(since)
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@rule("PullRequest.closingIssuesReferences")
def _closing(source: Thing, info: Any, **arguments: Any) -> Json:
    """Issues of other repositories are listed too; what the world lacks is private to GitHub."""
    found = []
    for it in source.data.get("closing", ()):
        other = info.context.world.find(it["repo"])
        issue = _find_issue(info.context.world, other, it["number"]) if other else None
        found += [issue] if issue else []
    return _ordered(found, arguments)


def _listed(source: Thing, kind: str, items: Iterable[Json], arguments: Json) -> Json:
    """A page of things in the order they are stored in."""
    things = [
        Thing(kind, {**it, "parent": source, "position": at}, source.repo)
        for at, it in enumerate(items)
    ]
    descending = (arguments.get("orderBy") or {}).get("direction") == "DESC"
    return paged(things, lambda it: (it.data["position"],), arguments, descending=descending)


@rule("PullRequest.commits")
def _commits(source: Thing, _: Any, **arguments: Any) -> Json:
    wrapped = ({"commit": it} for it in source.data["commits"])
    return _listed(source, "PullRequestCommit", wrapped, arguments)


@rule("PullRequest.comments", "Issue.comments")
def _comments(source: Thing, _: Any, **arguments: Any) -> Json:
    return _listed(source, "IssueComment", source.data.get("comments", ()), arguments)


@rule("Issue.userContentEdits", "IssueComment.userContentEdits")
def _edits(source: Thing, _: Any, **arguments: Any) -> Json:
    """Versions of a text, newest first, as GitHub lists them."""
    edits = sorted(source.data.get("edits", ()), key=lambda it: str(it["editedAt"]), reverse=True)
    return _listed(source, "UserContentEdit", edits, arguments)


@rule("Issue.timelineItems")
def _timeline(source: Thing, _: Any, **arguments: Any) -> Json:
    page = _listed(source, "RenamedTitleEvent", source.data.get("renames", ()), arguments)
    return {**page, "filteredCount": page["totalCount"], "pageCount": len(page["nodes"])}


@rule("PullRequest.labels", "Issue.labels")
def _labels(source: Thing, _: Any, **arguments: Any) -> Json:
    named = ({"name": it} for it in source.data.get("labels", ()))
    return _listed(source, "Label", named, arguments)
