"""The few REST answers a crawler needs: a repository, the points left, and who asks."""

from tests.doubles.github.data import Repository, World
from tests.doubles.github.faults import Answer
from tests.doubles.github.ledger import Ledger

_DOCS = "https://docs.github.com/rest"


def respond(path: str, world: World, site: str, ledger: Ledger) -> Answer:
    """Answer a GET of `path` (without query string)."""
    match path.removeprefix("/api/v3").strip("/").split("/"):
        case ["rate_limit"]:
            return _rate_limit(ledger)
        case ["user"]:
            return Answer.of(200, {"login": "octocat", "id": 583231, "type": "User"})
        case ["repos", owner, name]:
            found = world.find(f"{owner}/{name}")
            if found is not None:
                return _repository(found, f"{owner}/{name}", site)
    return Answer.of(404, {"message": "Not Found", "documentation_url": _DOCS, "status": "404"})


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
