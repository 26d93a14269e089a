"""The REST answers that crawlers ask for: repositories, pulls, commits, issues, comments, diffs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.doubles.github.data import Json, Repository, World
from tests.doubles.github.faults import Answer
from tests.doubles.github.ledger import Ledger
from tests.doubles.github.rest_issues import list_issues

_DOCS = "https://docs.github.com/rest"

Diff = Callable[[str, int], bytes]
"""Text of a pull's `.diff`, by repository ("owner/name") and number."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What is served, where, and what makes diffs."""

    world: World
    site: str
    diff: Diff | None = None


def respond(address: str, place: Place, ledger: Ledger) -> Answer:
    """Answer a GET of a path with its query string."""
    parts = urlsplit(address)
    words = parts.path.removeprefix("/api/v3").strip("/").split("/")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found = _found(words, place)
    match words:
        case ["rate_limit"]:
            return _rate_limit(ledger)
        case ["user"]:
            return Answer.of(200, {"login": "octocat", "id": 583231, "type": "User"})
        case ["repos", owner, name] if found:
            return _repository(found, f"{owner}/{name}", place.site)
        case ["repos", _, _, *below] if found:
            listed = _listed(found, below, asked, place.site)
            if isinstance(listed, list):
                return _page(listed, asked, place.site + parts.path)
            if listed is not None:
                return Answer.of(200, listed)
        case [_, _, "pull", file] if found and place.diff and file.endswith(".diff"):
            text = place.diff(found.name, int(file.removesuffix(".diff")))
            return Answer(status=200, body=text, headers={"content-type": "text/plain"})
    return Answer.of(404, {"message": "Not Found", "documentation_url": _DOCS, "status": "404"})


def _found(words: Sequence[str], place: Place) -> Repository | None:
    names = words[1:3] if words[0] == "repos" else words[:2]
    return place.world.find("/".join(names))


def _listed(
    found: Repository, below: Sequence[str], asked: Json, site: str
) -> list[Json] | Json | None:
    match below:
        case ["contributors"]:
            return [{"login": f"c{n}"} for n in range(found.facts.get("contributors", 0))]
        case ["pulls"]:
            pulls = [it for it in found.pulls.values() if _wanted(it, asked)]
            down = asked.get("direction", "desc") == "desc"
            pulls.sort(key=lambda it: (it["createdAt"], it["number"]), reverse=down)
            return [_pull(found, it, site) for it in pulls]
        case ["pulls", number] if int(number) in found.pulls:
            return _pull(found, found.pulls[int(number)], site)
        case ["pulls", number, "commits"] if int(number) in found.pulls:
            return [_commit(it) for it in found.pulls[int(number)]["commits"]]
        case ["issues"]:
            return list_issues(found, asked)
        case ["issues", number] if thing := _thing(found, number):
            return _issue(thing)
        case ["issues", number, "comments"] if thing := _thing(found, number):
            return [_comment(it) for it in thing.get("comments", ())]
    return None


def _thing(found: Repository, number: str) -> Json | None:
    return found.issues.get(int(number)) or found.pulls.get(int(number))


def _wanted(pull: Json, asked: Json) -> bool:
    state = "open" if pull["state"] == "OPEN" else "closed"
    return asked.get("state", "open") in ("all", state)


def _page(things: Sequence[Json], asked: Json, address: str) -> Answer:
    """One page, with the `link` header that leads to the others."""
    size, page = min(int(asked.get("per_page", 30)), 100), int(asked.get("page", 1))
    last = max(-(-len(things) // size), 1)
    leads = {"next": page + 1, "last": last} if page < last else {}
    leads |= {"prev": page - 1, "first": 1} if page > 1 else {}
    links = ", ".join(
        f'<{address}?{urlencode({**asked, "page": at})}>; rel="{name}"'
        for name, at in leads.items()
    )
    answer = Answer.of(200, list(things[(page - 1) * size : page * size]))
    return Answer(
        status=200,
        body=answer.body,
        headers=answer.headers | ({"link": links} if links else {}),
    )


def _pull(found: Repository, pull: Json, site: str) -> Json:
    number, closed = pull["number"], pull.get("closedAt") or pull["mergedAt"]
    return {
        "number": number,
        "state": "open" if pull["state"] == "OPEN" else "closed",
        "title": pull["title"],
        "body": pull["body"],
        "user": {"login": pull.get("author")},
        "created_at": pull["createdAt"],
        "updated_at": pull["updatedAt"],
        "closed_at": closed,
        "merged_at": pull["mergedAt"],
        "merge_commit_sha": (pull["mergeCommit"] or {}).get("oid"),
        "diff_url": f"{site}/{found.name}/pull/{number}.diff",
        "url": f"{site}/repos/{found.name}/pulls/{number}",
        "head": {"sha": pull["headRefOid"], "ref": pull.get("headRefName", "")},
        "base": {
            "sha": pull["baseRefOid"],
            "ref": pull["baseRefName"],
            "repo": {
                "full_name": found.name,
                "clone_url": f"https://github.com/{found.name}.git",
            },
        },
    }


def _commit(commit: Json) -> Json:
    dates = {"author": commit["authoredDate"], "committer": commit["committedDate"]}
    people = {role: {"name": "Someone", "date": date} for role, date in dates.items()}
    return {"sha": commit["oid"], "commit": {"message": commit["message"], **people}}


def _issue(issue: Json) -> Json:
    return {
        "number": issue["number"],
        "title": issue["title"],
        "body": issue["body"],
        "state": "open" if issue["state"] == "OPEN" else "closed",
        "user": {"login": issue.get("author")},
        "comments": len(issue.get("comments", ())),
        "created_at": issue["createdAt"],
        "updated_at": issue["updatedAt"],
    }


def _comment(comment: Json) -> Json:
    return {
        "body": comment["body"],
        "user": {"login": comment.get("author")},
        "created_at": comment["createdAt"],
        "updated_at": comment.get("updatedAt") or comment["createdAt"],
    }


def _repository(found: Repository, asked: str, site: str) -> Answer:
    if asked.lower() != found.name.lower():
        body = {"message": "Moved Permanently", "url": f"{site}/repos/{found.name}"}
        return Answer.of(301, body, location=f"{site}/repos/{found.name}")
    facts, (owner, name) = found.facts, found.name.split("/")
    spdx = facts.get("license")
    return Answer.of(
        200,
        {
            "id": 1_000_000 + sum(found.name.encode()),
            "name": name,
            "full_name": found.name,
            "private": facts.get("isPrivate", False),
            "owner": {"login": owner, "type": "Organization"},
            "html_url": f"https://github.com/{found.name}",
            "clone_url": f"https://github.com/{found.name}.git",
            "url": f"{site}/repos/{found.name}",
            "description": facts.get("description"),
            "fork": facts.get("isFork", False),
            "archived": facts.get("isArchived", False),
            "disabled": False,
            "created_at": facts.get("createdAt", "2012-01-01T00:00:00Z"),
            "default_branch": facts.get("defaultBranch", "main"),
            "stargazers_count": facts.get("stargazerCount", 0),
            "forks_count": facts.get("forkCount", 0),
            "language": facts.get("language", "Python"),
            "license": {"spdx_id": spdx, "key": spdx.lower(), "name": spdx} if spdx else None,
        },
    )


def _rate_limit(ledger: Ledger) -> Answer:
    remaining = ledger.remaining
    graphql = {
        "limit": ledger.limit,
        "remaining": remaining,
        "used": ledger.limit - remaining,
        "reset": ledger.reset,
        "resource": "graphql",
    }
    core = {"limit": 5000, "remaining": 5000, "used": 0, "reset": ledger.reset, "resource": "core"}
    return Answer.of(200, {"resources": {"core": core, "graphql": graphql}, "rate": core})
