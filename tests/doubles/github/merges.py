"""How each pull came into the project, as detected from git alone.

Three ways, in this order: a merge commit whose second parent is the pull's head; a commit that
says `(#N)` at the end of its subject or `Merge pull request #N` (a squash, or a head that moved);
rebased commits with the author, author date and subject of the pull's own. A squash is often picked
onto a release branch under the same name: the one nearest to the pull's head is the merge.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.doubles.github.history import Commit, History

SQUASH = re.compile(r"\(#(\d+)\)\s*$")
MERGE = re.compile(r"^Merge pull request #(\d+) from (\S+)")
_SLACK = 86_400  # seconds that clocks may differ by


@dataclass(frozen=True, kw_only=True)
class Merge:
    """A merged pull: the commit that merged it, the branch before that, and what it brought."""

    number: int
    head: Commit
    commit: Commit  # the merge or squash commit, or the last of the rebased ones
    onto: str  # object id of the base branch's tip just before
    fork: str  # merge base of `onto` and the head
    own: list[Commit]  # onto..head, oldest first, never empty
    way: str  # "merge", "squash" or "rebase"


def merges(history: History) -> dict[int, Merge]:
    """Every pull that is found to be merged, by number."""
    index = _Index(history)
    found = {}
    for number, head in sorted(history.heads.items()):
        if head in history.commits:
            merge = next(_candidates(history, index, number, history.commits[head]), None)
            if merge is not None:
                found[number] = merge
    return found


class _Index:
    """Commits of the project's branches, by what a pull can be recognised by."""

    def __init__(self, history: History) -> None:
        self.by_side: dict[str, list[Commit]] = defaultdict(list)
        self.by_number: dict[int, list[Commit]] = defaultdict(list)
        self.by_key: dict[tuple[str, int, str], Commit] = {}
        line = set(history.line)
        commits = [history.commits[it] for it in history.trunk]
        # Oldest first, but the main line before the default branch before all others.
        commits.sort(key=lambda it: (it.oid not in line, it.oid not in history.landed, -it.place))
        for commit in commits:
            for side in commit.parents[1:]:
                self.by_side[side].append(commit)
            number = named(commit)
            if number is not None:
                self.by_number[number].append(commit)
            if commit.oid in line and len(commit.parents) == 1:
                self.by_key.setdefault(_key(commit), commit)


def named(commit: Commit) -> int | None:
    """The pull a commit's subject says it merges."""
    match = MERGE.search(commit.subject) or SQUASH.search(commit.subject)
    return int(match[1]) if match else None


def _key(commit: Commit) -> tuple[str, int, str]:
    return commit.author, commit.authored, SQUASH.sub("", commit.subject).rstrip()


def _candidates(history: History, index: _Index, number: int, head: Commit) -> Iterator[Merge]:
    for commit in index.by_side[head.oid]:
        if named(commit) in (None, number):
            yield from _checked(history, number, head, commit, commit.parents[0], "merge")
    squashed = [
        merge
        for commit in index.by_number[number]
        if commit.parents and _could_follow(commit, head)
        for merge in _checked(history, number, head, commit, commit.parents[0], "squash")
    ]
    yield from sorted(squashed, key=lambda it: len(it.own))
    rebased = index.by_key.get(_key(head))
    if rebased is not None and rebased.oid != head.oid and _could_follow(rebased, head):
        onto = _before_rebased(history, head, rebased)
        if onto is not None:
            yield from _checked(history, number, head, rebased, onto, "rebase")


def _could_follow(commit: Commit, head: Commit) -> bool:
    """Whether *commit* may have been made of *head*, and not *head* be a copy of it."""
    return commit.committed >= head.committed - _SLACK


def _checked(
    history: History, number: int, head: Commit, commit: Commit, onto: str, way: str
) -> Iterator[Merge]:
    """The merge, if it brought anything and its base and the head have a common ancestor."""
    if onto not in history.commits:
        return
    own, fork = history.own(onto, head.oid)
    if own and fork is not None:
        yield Merge(number=number, head=head, commit=commit, onto=onto, fork=fork, own=own, way=way)


def _before_rebased(history: History, head: Commit, rebased: Commit) -> str | None:
    """Parent of the first rebased commit: go back as long as both sides are the same."""
    theirs: Commit | None = head
    ours = rebased
    while True:
        if not ours.parents or theirs is None:
            return None
        before = history.commits.get(ours.parents[0])
        theirs = history.commits.get(theirs.parents[0]) if theirs.parents else None
        same = before is not None and theirs is not None and _key(before) == _key(theirs)
        if not same or before is None or theirs is None or before.oid == theirs.oid:
            return ours.parents[0]
        ours = before
