"""The project version at a commit, read from one of its files."""

import re
from functools import lru_cache

from curate.builders.git.run import git_output
from curate.builders.text import decode_storable
from curate.git.mirror import Mirror


class FileVersionResolver:
    """Version resolver for repositories whose tags are not ancestors of their commits.

    *pattern* matches the version in *file*; its first group is "major.minor".
    """

    def __init__(self, mirror: Mirror, file: str, pattern: str) -> None:
        self._mirror = mirror
        self._file = file
        self._pattern = re.compile(pattern)
        self._cached = lru_cache(maxsize=None)(self._search_file)

    @property
    def rule(self) -> str:
        """The file and the pattern."""
        return f"{self._file}: {self._pattern.pattern}"

    def __call__(self, commit: str) -> str:
        """Return "major.minor" at *commit*; "" if the file is missing or does not match."""
        return self._cached(commit)

    def list_versions(self) -> frozenset[str]:
        """Versions at all commits of branches and tags that change the file."""
        which = ("--branches", "--tags", "--full-history", "--format=%H")
        commits = git_output(self._mirror.path, "log", *which, "--", self._file).decode().split()
        return frozenset(filter(None, map(self, commits)))

    def _search_file(self, commit: str) -> str:
        content = self._mirror.object_reader.read(f"{commit}:{self._file}") or b""
        found = self._pattern.search(decode_storable(content))
        return found.group(1) if found else ""
