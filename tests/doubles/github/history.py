"""A bare mirror's commits in memory: one `git log`, then questions without further processes."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_FORMAT = "%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%B"
_TRUNK = ("refs/heads/", "refs/tags/", "refs/remotes/")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; times are Unix seconds, `place` is 0 for the newest and never below a child's."""

    oid: str
    parents: tuple[str, ...]
    author: str
    email: str
    authored: int
    committed: int
    message: str
    place: int

    @property
    def subject(self) -> str:
        """First line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True)
class Ancestry:
    """Everything reachable from one commit: a piece of the main line, and what is beside it."""

    reach: int  # all that had landed on the main line by this place
    extras: frozenset[str]


@dataclass(kw_only=True)
class History:
    """Commits by object id, pull heads by number, tips of branches and tags by ref."""

    commits: dict[str, Commit]
    heads: dict[int, str]
    tips: dict[str, str]
    main: str  # ref of the default branch
    _ancestries: dict[str, Ancestry] = field(default_factory=dict)

    @classmethod
    def read(cls, mirror: Path) -> "History":
        """Read a mirror that has `refs/pull/*/head`.

        Raises:
            subprocess.CalledProcessError: The folder is no git repository.
        """
        refs = _refs(mirror)
        heads = {int(ref.split("/")[2]): oid for ref, oid in refs.items() if _is_pull(ref)}
        tips = {ref: oid for ref, oid in refs.items() if ref.startswith(_TRUNK)}
        return cls(commits=_log(mirror), heads=heads, tips=tips, main=_main(mirror, tips))

    @cached_property
    def line(self) -> list[str]:
        """First parents of the default branch, oldest first."""
        return self.first_parents(self.tips[self.main])[::-1]

    @cached_property
    def places(self) -> dict[str, int]:
        """Place on the main line of each commit of it."""
        return {oid: place for place, oid in enumerate(self.line)}

    @cached_property
    def landed(self) -> dict[str, int]:
        """For every commit of the default branch, the place on the line that brought it in."""
        landed: dict[str, int] = {}
        for place, oid in enumerate(self.line):
            todo = [oid]
            while todo:
                it = todo.pop()
                if it in self.commits and it not in landed:
                    landed[it] = place
                    todo.extend(self.commits[it].parents)
        return landed

    @cached_property
    def trunk(self) -> set[str]:
        """Everything reachable from a branch or tag; the rest is only in pulls."""
        return set(self.landed) | self._walk(self.tips.values(), self.landed)

    def first_parents(self, oid: str) -> list[str]:
        """The commit and its first parents, newest first."""
        line = []
        at: str | None = oid
        while at is not None and at in self.commits:
            line.append(at)
            parents = self.commits[at].parents
            at = parents[0] if parents else None
        return line

    def tip_at(self, oid: str, time: int) -> str | None:
        """Newest of a commit and its first parents that is not newer than a Unix time."""
        at: str | None = oid
        while at is not None and at in self.commits:
            if self.commits[at].committed <= time:
                return at
            parents = self.commits[at].parents
            at = parents[0] if parents else None
        return None

    def ancestry(self, oid: str) -> Ancestry:
        """What is reachable from a commit, the commit included."""
        if oid not in self._ancestries:
            extras = self._walk([oid], self.places)
            edge = {p for it in extras for p in self.commits[it].parents} | {oid}
            reach = max((self.places[it] for it in edge if it in self.places), default=-1)
            self._ancestries[oid] = Ancestry(reach, frozenset(extras))
        return self._ancestries[oid]

    def contains(self, ancestry: Ancestry, oid: str) -> bool:
        """Whether a commit is one of an ancestry."""
        return oid in ancestry.extras or self.landed.get(oid, 1 << 60) <= ancestry.reach

    def own(self, base: str, head: str) -> tuple[list[Commit], str | None]:
        """Commits of `base..head`, oldest first, and the newest merge base, if there is one."""
        known = self.ancestry(base)
        found: set[str] = set()
        edge: set[str] = set()
        todo = [head]
        while todo:
            it = todo.pop()
            if it in found or it not in self.commits:
                continue
            if self.contains(known, it):
                edge.add(it)
                continue
            found.add(it)
            todo.extend(self.commits[it].parents)
        ordered = sorted((self.commits[it] for it in found), key=lambda it: -it.place)
        return ordered, min(edge, key=lambda it: self.commits[it].place, default=None)

    def _walk(self, starts: Iterable[str], stop: Mapping[str, int]) -> set[str]:
        found: set[str] = set()
        todo = list(starts)
        while todo:
            it = todo.pop()
            if it not in found and it not in stop and it in self.commits:
                found.add(it)
                todo.extend(self.commits[it].parents)
        return found


def _git(mirror: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    command = ["git", "-C", str(mirror), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    return done.stdout.decode("utf-8", "replace")


def _refs(mirror: Path) -> dict[str, str]:
    listed = _git(mirror, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")
    return {line.split()[0]: line.split()[-1] for line in listed.splitlines()}


def _is_pull(ref: str) -> bool:
    return ref.startswith("refs/pull/") and ref.endswith("/head")


def _main(mirror: Path, tips: Mapping[str, str]) -> str:
    named = _git(mirror, "rev-parse", "--symbolic-full-name", "HEAD").strip()
    for ref in (named, "refs/heads/main", "refs/heads/master"):
        if ref in tips:
            return ref
    raise ValueError(f"{mirror} has no default branch")


def _log(mirror: Path) -> dict[str, Commit]:
    what = ("--branches", "--tags", "--remotes", "--glob=refs/pull/*/head")
    text = _git(mirror, "log", "-z", "--date-order", f"--format={_FORMAT}", *what)
    words = text.split("\0")
    commits = {}
    for place, at in enumerate(range(0, len(words) - 6, 7)):
        oid, parents, author, email, authored, committed, message = words[at : at + 7]
        dates = int(authored), int(committed)
        commits[oid] = Commit(
            oid, tuple(parents.split()), author, email, *dates, message.strip("\n"), place
        )
    return commits
