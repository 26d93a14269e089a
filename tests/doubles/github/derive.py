"""A repository as GitHub would serve it, derived from a bare mirror with `refs/pull/*/head`.

What git does not know is made from what it does: the pull's creation is the committer date of its
first commit, title and body come from the merge or squash message, logins from e-mail addresses.
`baseRefOid` is the later of the fork point and the base branch's last first-parent commit that is
not newer than the pull's first commit.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tests.doubles.github import links
from tests.doubles.github.data import Json, Repository
from tests.doubles.github.history import Commit, History
from tests.doubles.github.links import stamp
from tests.doubles.github.merges import MERGE, SQUASH, Merge, merges

_NOREPLY = re.compile(r"^(?:\d+\+)?([\w\[\]-]+)@users\.noreply\.github\.com$")


def derive(
    mirror: Path,
    name: str,
    *,
    extra: Mapping[int, Iterable[int]] | None = None,
    always: Collection[int] = (),
) -> Repository:
    """Derive `owner/name` from a mirror; merged pulls only.

    Args:
        mirror: Bare repository.
        name: The name with owner it is to have.
        extra: Issues that pulls close, besides those their messages name.
        always: Pulls that get an issue even if no message names one.
    """
    history = History.read(mirror)
    branch = history.main.removeprefix("refs/heads/")
    asked = {*always, *(extra or {})}
    branches = _branches(history)
    pulls = [_pull(history, branches, it) for it in merges(history).values()]
    issues: dict[int, Json] = {}
    for pull in pulls:
        numbers = links.closing(pull, pulls=history.heads, extra=extra or {}, always=always)
        # GitHub links by keyword only where the base is the default branch.
        linked = pull["baseRefName"] == branch or pull["number"] in asked
        pull["closing"] = [{"repo": name, "number": it} for it in numbers if linked]
        for number in numbers:
            issues.setdefault(number, links.issue(number, pull))
    return Repository.of(name, pulls=pulls, issues=issues.values(), defaultBranch=branch)


def find_base_commit(history: History, merge: Merge) -> str:
    """Tip of the base branch when the pull was made, as near as git can tell."""
    tip = history.tip_at(merge.onto, merge.own[0].committed)
    if tip is not None and history.contains(history.ancestry(tip), merge.fork):
        return tip
    return merge.fork


def _pull(history: History, branches: Mapping[str, str], merge: Merge) -> Json:
    first, commit = merge.own[0], merge.commit
    title, body = _texts(merge)
    merged = stamp(commit.committed)
    from_branch = MERGE.search(commit.subject)
    return {
        "number": merge.number,
        "title": title,
        "body": body,
        "state": "MERGED",
        "createdAt": stamp(min(first.committed, commit.committed)),
        "updatedAt": merged,
        "mergedAt": merged,
        "baseRefName": _branch(history, branches, commit),
        "baseRefOid": find_base_commit(history, merge),
        "headRefName": _head_name(from_branch[2]) if from_branch else f"patch-{merge.number}",
        "headRefOid": merge.head.oid,
        "mergeCommit": _commit(commit),
        "author": _login(first),
        "commits": [_commit(it) for it in merge.own],
        "closing": [],
    }


def _texts(merge: Merge) -> tuple[str, str]:
    """Title and body: of a merge commit below its subject, else of the message itself."""
    source = merge.head if merge.way == "rebase" and len(merge.own) == 1 else merge.commit
    if merge.way == "rebase" and len(merge.own) > 1:
        source = merge.own[0]
    lines = source.message.split("\n")
    if merge.way == "merge" or MERGE.search(source.subject):
        rest = [line for line in lines[1:] if line.strip()]
        if not rest:
            return merge.own[-1].subject or f"Pull {merge.number}", ""
        return rest[0].strip(), "\n".join(rest[1:])
    title = SQUASH.sub("", lines[0]).strip() or f"Pull {merge.number}"
    return title, "\n".join(lines[1:]).strip("\n")


def _commit(commit: Commit) -> Json:
    return {
        "oid": commit.oid,
        "message": commit.message,
        "authoredDate": stamp(commit.authored),
        "committedDate": stamp(commit.committed),
    }


def _login(commit: Commit) -> str:
    match = _NOREPLY.match(commit.email)
    return match[1] if match else re.sub(r"\W+", "-", commit.author).strip("-") or "ghost"


def _head_name(source: str) -> str:
    return source.partition("/")[2] or source


def _branches(history: History) -> dict[str, str]:
    """Branch name of every first-parent commit that is not on the default branch."""
    names: dict[str, str] = {}
    for ref, tip in sorted(history.tips.items()):
        if not ref.startswith("refs/heads/"):
            continue
        for oid in history.first_parents(tip):
            if oid in history.places:
                break
            names.setdefault(oid, ref.removeprefix("refs/heads/"))
    return names


def _branch(history: History, branches: Mapping[str, str], commit: Commit) -> str:
    main = history.main.removeprefix("refs/heads/")
    return main if commit.oid in history.places else branches.get(commit.oid, main)
