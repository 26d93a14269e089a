"""One instance's repository as its base commit has it, and gold's changes of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from curate.builders.git.objects import ObjectReader
from curate.process_data.gold_files import (
    ChangedFile,
    GitFile,
    list_commit_files,
    read_changed_files,
)
from curate.process_data.python_source import PythonSource, UnparsedSource, parse_source


class MirrorReader:
    """Reads one mirror after the other through git processes that stay; a context manager."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._reader: ObjectReader | None = None

    def __enter__(self) -> "MirrorReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, mirror: Path) -> ObjectReader:
        """Return the reader of *mirror*, which the next call for another one closes."""
        if self._reader is None or self._path != mirror:
            self.close()
            self._path, self._reader = mirror, ObjectReader(mirror)
        return self._reader

    def close(self) -> None:
        """Stop the processes."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@dataclass(frozen=True)
class BaseCommit:
    """The files of a base commit in a mirror."""

    mirror: Path
    commit: str
    reader: ObjectReader

    @cached_property
    def files(self) -> dict[str, GitFile]:
        """Files by path; raises MissingObjectError."""
        return list_commit_files(self.mirror, self.commit)

    def read_changes(self, patch: bytes) -> tuple[ChangedFile, ...]:
        """Return what *patch* changes; raises PatchError, MissingObjectError."""
        return read_changed_files(self.mirror, self.reader, self.files, patch)

    def parse(self, path: str) -> PythonSource | UnparsedSource:
        """Parse a file of the commit."""
        content = self.reader.read(self.files[path].oid)
        return UnparsedSource(reason="missing-object") if content is None else parse_source(content)
