"""Facts about a repository at a base commit: license, size, and the old files of a patch."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from curate.builders.git.objects import ObjectReader
from curate.builders.git.run import run_git
from curate.core.model import Candidate
from curate.patches.file_kinds import FileClassifier
from curate.patches.stats import PatchStats, compute_patch_stats
from curate.publish.measures import license


@dataclass(frozen=True, kw_only=True)
class CodebaseSize:
    """Number of non-test files, and of their lines (0 for binary files)."""

    files: int
    lines: int


class CodebaseReader:
    """Reads facts about base commits from mirrors; a context manager.

    *mirror_of* returns the bare repository of "owner/name", or None; without one, licenses are ""
    and sizes None.
    """

    def __init__(self, mirror_of: Callable[[str], Path | None] = lambda _: None) -> None:
        self._find_mirror = lru_cache(maxsize=None)(mirror_of)
        self._cached_objects = lru_cache(maxsize=None)(self._open_objects)
        self._cached_line_count = lru_cache(maxsize=None)(self._count_lines)
        self._cached_license = lru_cache(maxsize=None)(self._detect_license)
        self._identify_text = lru_cache(maxsize=None)(license.identify_with_askalono)
        self._stack = ExitStack()

    def __enter__(self) -> "CodebaseReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def has_mirror(self, repo: str) -> bool:
        """Whether anything can be read of *repo*."""
        return self._find_mirror(repo) is not None

    def detect_license(self, repo: str, commit: str) -> str:
        """Return the SPDX expression at *commit*; "" if unknown."""
        objects = self._cached_objects(repo)
        if objects is None:
            return ""
        names = (*license.LICENSE_FILES, *license.METADATA_FILES)
        oids = objects.resolve_names([f"{commit}:{name}" for name in names])
        found = tuple((name, oid) for name, oid in zip(names, oids, strict=True) if oid)
        return self._cached_license(repo, found)

    def measure_size(self, repo: str, commit: str) -> CodebaseSize | None:
        """Return the size at *commit* without tests (classified by path); None if unknown."""
        path = self._find_mirror(repo)
        listed = run_git(path, "ls-tree", "-r", "-z", commit) if path else None
        if listed is None or listed.returncode != 0:
            return None
        classifier = FileClassifier()
        entries = listed.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
        parts = (entry.split("\t", 1) for entry in entries)
        source_entries = [head.split() for head, name in parts if not classifier.is_test(name)]
        blobs = [oid for mode, kind, oid in source_entries if kind == "blob" and mode != "120000"]
        return CodebaseSize(
            files=len(blobs), lines=sum(self._cached_line_count(repo, oid) for oid in blobs)
        )

    def measure_patch(self, candidate: Candidate) -> PatchStats:
        """Return the size of the gold patch; without a mirror, `functions` is None."""
        objects = self._cached_objects(candidate.repo)
        if objects is None or objects.read(candidate.base_commit) is None:
            return compute_patch_stats(candidate.patch)
        return compute_patch_stats(
            candidate.patch, lambda path: objects.read(f"{candidate.base_commit}:{path}")
        )

    def list_pull_commits(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the commits of the PR that are not in its base; empty if unknown."""
        path = self._find_mirror(candidate.repo)
        commit_range = f"{candidate.base_commit}..{candidate.head_commit}"
        listed = run_git(path, "rev-list", commit_range) if path else None
        if listed is None or listed.returncode != 0:
            return ()
        return tuple(listed.stdout.decode("ascii").split())

    def _open_objects(self, repo: str) -> ObjectReader | None:
        path = self._find_mirror(repo)
        if path is None:
            return None
        objects = ObjectReader(path)
        self._stack.callback(objects.close)
        return objects

    def _detect_license(self, repo: str, found: tuple[tuple[str, str], ...]) -> str:
        objects = self._cached_objects(repo)
        assert objects is not None
        contents = {name: objects.read(oid) or b"" for name, oid in found}
        return license.detect_license(contents, self._identify_text)

    def _count_lines(self, repo: str, oid: str) -> int:
        objects = self._cached_objects(repo)
        content = (objects.read(oid) if objects else None) or b""
        return 0 if b"\0" in content else len(content.splitlines())
