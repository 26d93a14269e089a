"""The version a commit belongs to, by what one of its files says."""

import re
from functools import lru_cache

from builders.git.run import git_output
from curate.git.mirror import Mirror


class FileVersionResolver:
    """`version_resolver` for repositories whose tags do not lie behind their commits.

    *pattern* finds the version in *file*: its first group is "major.minor".
    """

    def __init__(self, mirror: Mirror, file: str, pattern: str) -> None:
        self._mirror = mirror
        self._file = file
        self._pattern = re.compile(pattern)
        self._cached = lru_cache(maxsize=None)(self._search_file)

    @property
    def rule(self) -> str:
        """The file and what is looked for in it."""
        return f"{self._file}: {self._pattern.pattern}"

    def __call__(self, commit: str) -> str:
        """Major.minor at *commit*; "" where the file is missing or says nothing."""
        return self._cached(commit)

    def list_versions(self) -> frozenset[str]:
        """What the file says at any commit of a branch or tag that changes it."""
        which = ("--branches", "--tags", "--full-history", "--format=%H")
        commits = git_output(self._mirror.path, "log", *which, "--", self._file).decode().split()
        return frozenset(filter(None, map(self, commits)))

    def _search_file(self, commit: str) -> str:
        content = self._mirror.object_reader.read(f"{commit}:{self._file}") or b""
        found = self._pattern.search(content.decode("utf-8", "replace"))
        return found.group(1) if found else ""
