"""Fields that are worked out from others: ids, addresses, people, states and messages."""

import base64
from typing import Any

from tests.doubles.github.data import Json
from tests.doubles.github.things import Thing, rule


def person(login: str | None) -> Thing | None:
    """Return a user; None is someone who left GitHub."""
    return Thing("User", {"login": login}) if login else None


def commit(source: Thing, data: Json | str | None) -> Thing | None:
    """Return a commit, of which perhaps only the object id is known."""
    if data is None:
        return None
    known = {"oid": data} if isinstance(data, str) else data
    return Thing("Commit", known, source.home)


def _path(thing: Thing) -> str:
    name = thing.home.name if thing.home else ""
    match thing.kind:
        case "User":
            return f"/{thing.data['login']}"
        case "PullRequest":
            return f"/{name}/pull/{thing.data['number']}"
        case "Issue":
            return f"/{name}/issues/{thing.data['number']}"
        case "Commit":
            return f"/{name}/commit/{thing.data['oid']}"
        case "PullRequestCommit":
            return f"{_path(thing.data['parent'])}/commits/{thing.data['commit']['oid']}"
        case "IssueComment":
            return f"{_path(thing.data['parent'])}#issuecomment-{_number(thing)}"
        case _:
            return f"/{name}"


def _number(thing: Thing) -> int:
    """A number that stands for the thing and stays the same."""
    if thing.kind == "IssueComment":
        return int(thing.data["parent"].data["number"]) * 1000 + int(thing.data["position"])
    if "number" in thing.data:
        return int(thing.data["number"])
    return sum(thing.data.get("login", _first_name(thing)).encode())


def _first_name(thing: Thing) -> str:
    """The name that a thing's repository had first: a rename keeps ids."""
    return [*thing.home.facts.get("formerNames", ()), thing.home.name][0] if thing.home else ""


@rule(*(f"{it}.id" for it in ("Repository", "PullRequest", "Issue", "IssueComment")))
def _numbered_id(source: Thing, *_: Any) -> str:
    number = str(_number(source))
    if source.kind == "IssueComment":
        number = f"{_number(source.data['parent'])}.{source.data['position']}"
    return base64.b64encode(f"{source.kind}:{_first_name(source)}:{number}".encode()).decode()


@rule("UserContentEdit.id", "RenamedTitleEvent.id")
def _listed_id(source: Thing, *_: Any) -> str:
    parent = _numbered_id(source.data["parent"])
    return base64.b64encode(f"{source.kind}:{parent}:{source.data['position']}".encode()).decode()


@rule("Issue.lastEditedAt", "IssueComment.lastEditedAt")
def _last_edit(source: Thing, *_: Any) -> str | None:
    times = [it["editedAt"] for it in source.data.get("edits", ())]
    later = [it for it in times if it > source.data["createdAt"]]
    return max(later, default=source.data.get("lastEditedAt"))


@rule("Issue.includesCreatedEdit", "IssueComment.includesCreatedEdit")
def _has_first_version(source: Thing, *_: Any) -> bool:
    return any(it["editedAt"] == source.data["createdAt"] for it in source.data.get("edits", ()))


@rule("UserContentEdit.createdAt", "UserContentEdit.updatedAt")
def _edit_time(source: Thing, *_: Any) -> str:
    return str(source.data["editedAt"])


@rule("UserContentEdit.diff")
def _diff(source: Thing, *_: Any) -> str | None:
    return None if source.data.get("deletedAt") else source.data["diff"]


@rule(*(f"{it}.id" for it in ("User", "Commit", "PullRequestCommit", "Ref", "Label", "License")))
@rule("Language.id")
def _named_id(source: Thing, info: Any, **_: Any) -> str:
    data = source.data.get("commit", source.data)
    name = data.get("oid") or data.get("login") or data.get("name")
    return base64.b64encode(f"{info.parent_type.name}:{name}".encode()).decode()


@rule(*(f"{it}.databaseId" for it in ("Repository", "PullRequest", "Issue", "IssueComment")))
@rule("User.databaseId")
def _database_id(source: Thing, *_: Any) -> int:
    return 1_000_000 + _number(source)


@rule(*(f"{it}.fullDatabaseId" for it in ("PullRequest", "Issue", "IssueComment")))
def _full_database_id(source: Thing, *_: Any) -> str:
    return str(_database_id(source))


_PLACES = ("Repository", "PullRequest", "Issue", "Commit", "PullRequestCommit", "User")


@rule(*(f"{it}.resourcePath" for it in _PLACES))
def _resource_path(source: Thing, *_: Any) -> str:
    return _path(source)


@rule(*(f"{it}.url" for it in (*_PLACES, "IssueComment")), "PullRequest.permalink")
def _url(source: Thing, info: Any, **_: Any) -> str:
    return f"{info.context.site}{_path(source)}"


@rule("User.avatarUrl")
def _avatar(source: Thing, info: Any, **_: Any) -> str:
    return f"{info.context.site}{_path(source)}.png"


@rule("Repository.name")
def _name(source: Thing, *_: Any) -> str:
    return str(source.data["nameWithOwner"].split("/")[1])


@rule("Repository.owner")
def _owner(source: Thing, *_: Any) -> Thing | None:
    return person(source.data["nameWithOwner"].split("/")[0])


@rule("Repository.defaultBranchRef")
def _default_branch(source: Thing, *_: Any) -> Thing:
    return Thing("Ref", {"name": source.data.get("defaultBranch", "main")}, source.repo)


@rule("Repository.licenseInfo")
def _license(source: Thing, *_: Any) -> Thing | None:
    spdx = source.data.get("license")
    return Thing("License", {"spdxId": spdx, "key": spdx.lower(), "name": spdx}) if spdx else None


@rule("Repository.primaryLanguage")
def _language(source: Thing, *_: Any) -> Thing:
    return Thing("Language", {"name": source.data.get("language", "Python")})


@rule(*(f"{it}.author" for it in ("PullRequest", "Issue", "IssueComment")))
def _author(source: Thing, *_: Any) -> Thing | None:
    return person(source.data.get("author"))


@rule(*(f"{it}.repository" for it in ("PullRequest", "Issue", "Commit")))
@rule("PullRequest.baseRepository")
def _repository(source: Thing, *_: Any) -> Thing:
    return Thing("Repository", source.repo.facts, source.repo)


@rule("PullRequest.mergeCommit")
def _merge_commit(source: Thing, *_: Any) -> Thing | None:
    return commit(source, source.data.get("mergeCommit"))


@rule("PullRequestCommit.commit")
def _commit(source: Thing, *_: Any) -> Thing | None:
    return commit(source, source.data["commit"])


@rule("PullRequestCommit.pullRequest")
def _commit_pull(source: Thing, *_: Any) -> Thing:
    return source.data["parent"]  # type: ignore[no-any-return]


@rule("PullRequest.headRefName")
def _head_ref(source: Thing, *_: Any) -> str:
    return str(source.data.get("headRefName") or f"patch-{source.data['number']}")


@rule("PullRequest.merged")
def _merged(source: Thing, *_: Any) -> bool:
    return bool(source.data["state"] == "MERGED")


@rule("PullRequest.closed", "Issue.closed")
def _closed(source: Thing, *_: Any) -> bool:
    return bool(source.data["state"] != "OPEN")


@rule("PullRequest.closedAt", "Issue.closedAt")
def _closed_at(source: Thing, *_: Any) -> str | None:
    data = source.data
    if data["state"] == "OPEN":
        return None
    return str(data.get("closedAt") or data.get("mergedAt") or data["updatedAt"])


@rule("IssueComment.updatedAt", "IssueComment.publishedAt", "Issue.publishedAt")
def _comment_time(source: Thing, info: Any, **_: Any) -> str:
    return str(source.data.get(info.field_name) or source.data["createdAt"])


@rule("Commit.abbreviatedOid")
def _abbreviated(source: Thing, *_: Any) -> str:
    return str(source.data["oid"][:7])


@rule("Commit.messageHeadline")
def _headline(source: Thing, *_: Any) -> str:
    """The first line, cut where GitHub cuts it: after 69 characters and an ellipsis."""
    line = source.data.get("message", "").split("\n", 1)[0]
    return line if len(line) <= 72 else f"{line[:69]}…"


@rule("Commit.messageBody")
def _message_body(source: Thing, *_: Any) -> str:
    line, _sep, rest = source.data.get("message", "").partition("\n")
    return rest.strip("\n") if len(line) <= 72 else f"…{line[69:]}\n{rest}".strip("\n")


@rule("Commit.author", "Commit.committer")
def _git_actor(source: Thing, info: Any, **_: Any) -> Json:
    date = "authoredDate" if info.field_name == "author" else "committedDate"
    name = source.data.get(f"{info.field_name}Name", "Someone")
    return {"name": name, "date": source.data.get(date)}
