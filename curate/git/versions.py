"""The project version at a commit, from the nearest tag among its ancestors."""

import re
from functools import cached_property
from typing import Protocol

from curate.builders.git.run import git_output
from curate.builders.text import decode_storable
from curate.git.mirror import Mirror

_NUMBERS = re.compile(r"(?<![0-9.])([0-9]+)(?:[._]([0-9]+))?")
_TAGS = "%(objecttype) %(*objecttype) %(creatordate:unix) %(objectname) %(*objectname) %(refname)"


class VersionResolver(Protocol):
    """Determines the version at a commit; `rule` changes whenever results may change."""

    @property
    def rule(self) -> str:
        """Short description of the method."""

    def __call__(self, commit: str) -> str:
        """Return "major.minor" at *commit*; "" if unknown."""

    def list_versions(self) -> frozenset[str]:
        """Return the versions of all commits of branches and tags."""


class TagVersionResolver:
    """For repositories that tag their releases: `v4.1.0.dev3` means version "4.1".

    Tags are ranked as in `git describe --tags`. A linear stretch of commits is walked only once,
    however many of its commits are resolved.
    """

    rule = "nearest-tag"

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._cache: dict[str, str] = {}

    def __call__(self, commit: str) -> str:
        """Return "major.minor" of the nearest tag reachable from *commit*; "" without one."""
        graph = self._mirror.commit_graph
        current, visited = commit, []
        while current in graph and current not in self._cache:
            visited.append(current)
            parents = graph.parents(current)
            if current in self._tags_by_commit or len(parents) != 1:
                tagged = graph.describe(current, self._tags_by_commit)
                self._cache[current] = self._tags_by_commit[tagged] if tagged else ""
            else:
                current = parents[0]
        tag = self._cache.get(current, "")
        self._cache.update(dict.fromkeys(visited, tag))
        return parse_major_minor(tag)

    def list_versions(self) -> frozenset[str]:
        """Return "major.minor" of every tag that contains a number."""
        return frozenset(filter(None, map(parse_major_minor, self._tags_by_commit.values())))

    @cached_property
    def _tags_by_commit(self) -> dict[str, str]:
        """Tag by tagged commit: annotated before lightweight, then the newest, then by name."""
        lines = git_output(self._mirror.path, "for-each-ref", f"--format={_TAGS}", "refs/tags")
        found: dict[str, tuple[bool, int, str]] = {}
        for line in decode_storable(lines).splitlines():
            kind, target, date, oid, peeled, ref = line.split(" ")
            annotated = kind == "tag"
            if (target if annotated else kind) != "commit":
                continue
            weight = annotated, int(date or 0) if annotated else 0
            commit, tag = peeled or oid, ref.removeprefix("refs/tags/")
            if commit not in found or weight > found[commit][:2]:
                found[commit] = (*weight, tag)
        return {commit: tag for commit, (_, _, tag) in found.items()}


def parse_major_minor(tag: str) -> str:
    """`v1.2.3` -> "1.2", `release-2.0b2` -> "2.0", `v3` -> "3.0", no number -> ""."""
    found = _NUMBERS.search(tag)
    return f"{int(found[1])}.{int(found[2] or 0)}" if found else ""
