"""What the repository itself says of a base commit: its licence, its size, its old files."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from builders.git.objects import CatFile
from builders.git.run import attempt
from curate.core.model import Candidate
from curate.patches.file_kinds import PathRules
from curate.patches.stats import Edits, edits
from curate.publish.measures import license


@dataclass(frozen=True, kw_only=True)
class Size:
    """Files that are no tests, and their lines (binary files have none)."""

    files: int
    lines: int


class Bases:
    """Facts of base commits, read from mirrors; a context manager.

    *mirror_of* gives the bare repository of "owner/name", None where there is none: then licences
    are "" and sizes None.
    """

    def __init__(self, mirror_of: Callable[[str], Path | None] = lambda _: None) -> None:
        self._mirror_of = lru_cache(maxsize=None)(mirror_of)
        self._objects = lru_cache(maxsize=None)(self._opened)
        self._lines = lru_cache(maxsize=None)(self._counted)
        self._licence = lru_cache(maxsize=None)(self._identified)
        self._text = lru_cache(maxsize=None)(license.by_askalono)
        self._stack = ExitStack()

    def __enter__(self) -> "Bases":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def licence(self, repo: str, commit: str) -> str:
        """SPDX expression of *commit*; "" where it cannot be told."""
        objects = self._objects(repo)
        if objects is None:
            return ""
        names = (*license.TEXTS, *license.METADATA)
        oids = objects.names([f"{commit}:{name}" for name in names])
        found = tuple((name, oid) for name, oid in zip(names, oids, strict=True) if oid)
        return self._licence(repo, found)

    def size(self, repo: str, commit: str) -> Size | None:
        """Size of *commit* without its tests (told by path, default rules)."""
        path = self._mirror_of(repo)
        listed = attempt(path, "ls-tree", "-r", "-z", commit) if path else None
        if listed is None or listed.returncode != 0:
            return None
        rules = PathRules()
        entries = listed.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
        parts = (entry.split("\t", 1) for entry in entries)
        kept = [head.split() for head, name in parts if not rules.is_test(name)]
        blobs = [oid for mode, kind, oid in kept if kind == "blob" and mode != "120000"]
        return Size(files=len(blobs), lines=sum(self._lines(repo, oid) for oid in blobs))

    def edits(self, candidate: Candidate) -> Edits:
        """What the gold patch edits."""
        objects = self._objects(candidate.repo)
        if objects is None or objects.read(candidate.base_commit) is None:
            return edits(candidate.patch)
        return edits(candidate.patch, lambda path: objects.read(f"{candidate.base_commit}:{path}"))

    def commits(self, candidate: Candidate) -> tuple[str, ...]:
        """Commits of the pull that its base lacks."""
        path = self._mirror_of(candidate.repo)
        between = f"{candidate.base_commit}..{candidate.head_commit}"
        listed = attempt(path, "rev-list", between) if path else None
        if listed is None or listed.returncode != 0:
            return ()
        return tuple(listed.stdout.decode("ascii").split())

    def _opened(self, repo: str) -> CatFile | None:
        path = self._mirror_of(repo)
        if path is None:
            return None
        objects = CatFile(path)
        self._stack.callback(objects.close)
        return objects

    def _identified(self, repo: str, found: tuple[tuple[str, str], ...]) -> str:
        objects = self._objects(repo)
        assert objects is not None
        contents = {name: objects.read(oid) or b"" for name, oid in found}
        return license.licence_of(contents, self._text)

    def _counted(self, repo: str, oid: str) -> int:
        objects = self._objects(repo)
        content = (objects.read(oid) if objects else None) or b""
        return 0 if b"\0" in content else len(content.splitlines())
