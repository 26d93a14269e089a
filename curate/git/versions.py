"""The version a commit belongs to, by the nearest tag behind it."""

import re
from functools import cached_property
from typing import Protocol

from builders.git.run import output
from curate.git.mirror import Mirror

_NUMBERS = re.compile(r"(?<![0-9.])([0-9]+)(?:[._]([0-9]+))?")
_TAGS = "%(objecttype) %(*objecttype) %(creatordate:unix) %(objectname) %(*objectname) %(refname)"


class VersionNames(Protocol):
    """Names the version of a commit; `rule` changes when the answers may."""

    @property
    def rule(self) -> str:
        """What decides, in a word or two."""

    def __call__(self, commit: str) -> str:
        """Major.minor at *commit*; "" where nothing names it."""

    def versions(self) -> frozenset[str]:
        """Every version that some commit of a branch or tag belongs to."""


class NearestTag:
    """For repositories that tag their releases: behind `v4.1.0.dev3` lies version "4.1".

    Tags are weighed as `git describe --tags` does; a stretch of commits with one parent each is
    walked once, however many of its commits are asked for.
    """

    rule = "nearest-tag"

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._known: dict[str, str] = {}

    def __call__(self, commit: str) -> str:
        """Major.minor of the nearest tag that *commit* has behind it; "" without one."""
        history = self._mirror.history
        at, passed = commit, []
        while at in history and at not in self._known:
            passed.append(at)
            parents = history.parents(at)
            if at in self._tags or len(parents) != 1:
                tagged = history.nearest(at, self._tags)
                self._known[at] = self._tags[tagged] if tagged else ""
            else:
                at = parents[0]
        tag = self._known.get(at, "")
        self._known.update(dict.fromkeys(passed, tag))
        return major_minor(tag)

    def versions(self) -> frozenset[str]:
        """Major.minor of every tag that has one."""
        return frozenset(filter(None, map(major_minor, self._tags.values())))

    @cached_property
    def _tags(self) -> dict[str, str]:
        """The tag of every tagged commit: annotated ones first, then the newest, then by name."""
        lines = output(self._mirror.path, "for-each-ref", f"--format={_TAGS}", "refs/tags")
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


def major_minor(tag: str) -> str:
    """`v1.2.3` -> "1.2", `release-2.0b2` -> "2.0", `v3` -> "3.0", no number -> ""."""
    found = _NUMBERS.search(tag)
    return f"{int(found[1])}.{int(found[2] or 0)}" if found else ""
