"""The version a commit belongs to, by the nearest tag behind it."""

import re
from functools import cached_property
from typing import Protocol

from builders.git.run import git_output
from curate.git.mirror import Mirror

_NUMBERS = re.compile(r"(?<![0-9.])([0-9]+)(?:[._]([0-9]+))?")
_TAGS = "%(objecttype) %(*objecttype) %(creatordate:unix) %(objectname) %(*objectname) %(refname)"


class VersionResolver(Protocol):
    """Names the version of a commit; `rule` changes when the answers may."""

    @property
    def rule(self) -> str:
        """What decides, in a word or two."""

    def __call__(self, commit: str) -> str:
        """Major.minor at *commit*; "" where nothing names it."""

    def list_versions(self) -> frozenset[str]:
        """Every version that some commit of a branch or tag belongs to."""


class TagVersionResolver:
    """For repositories that tag their releases: behind `v4.1.0.dev3` lies version "4.1".

    Tags are weighed as `git describe --tags` does; a stretch of commits with one parent each is
    walked once, however many of its commits are asked for.
    """

    rule = "nearest-tag"

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._cache: dict[str, str] = {}

    def __call__(self, commit: str) -> str:
        """Major.minor of the nearest tag that *commit* has behind it; "" without one."""
        history = self._mirror.commit_graph
        current, visited = commit, []
        while current in history and current not in self._cache:
            visited.append(current)
            parents = history.parents(current)
            if current in self._tags_by_commit or len(parents) != 1:
                tagged = history.describe(current, self._tags_by_commit)
                self._cache[current] = self._tags_by_commit[tagged] if tagged else ""
            else:
                current = parents[0]
        tag = self._cache.get(current, "")
        self._cache.update(dict.fromkeys(visited, tag))
        return parse_major_minor(tag)

    def list_versions(self) -> frozenset[str]:
        """Major.minor of every tag that has one."""
        return frozenset(filter(None, map(parse_major_minor, self._tags_by_commit.values())))

    @cached_property
    def _tags_by_commit(self) -> dict[str, str]:
        """The tag of every tagged commit: annotated ones first, then the newest, then by name."""
        lines = git_output(self._mirror.path, "for-each-ref", f"--format={_TAGS}", "refs/tags")
        found: dict[str, tuple[bool, int, str]] = {}
        for line in lines.decode("utf-8", "replace").splitlines():
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
