"""The version a commit belongs to, by the nearest tag behind it."""

import re
from functools import lru_cache

from curate.git.command import attempt
from curate.git.mirror import Mirror

_NUMBERS = re.compile(r"(?<![0-9.])([0-9]+)(?:[._]([0-9]+))?")


class NearestTag:
    """`version_of` for repositories that tag their releases: `v4.1.0.dev3` is version "4.1"."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._tag = lru_cache(maxsize=None)(self._described)

    def __call__(self, commit: str) -> str:
        """Major.minor of the nearest tag that *commit* has behind it; "" without one."""
        return major_minor(self._tag(commit))

    def _described(self, commit: str) -> str:
        done = attempt(self._mirror.path, "describe", "--tags", "--abbrev=0", commit)
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def major_minor(tag: str) -> str:
    """`v1.2.3` -> "1.2", `release-2.0b2` -> "2.0", `v3` -> "3.0", no number -> ""."""
    found = _NUMBERS.search(tag)
    return f"{int(found[1])}.{int(found[2] or 0)}" if found else ""
