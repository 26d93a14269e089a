"""The files that a gold patch changes, before and after, read from a mirror."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.builders.git.objects import ObjectReader
from curate.builders.git.run import GitCommandError, git_fields, run_git
from curate.patches.parse import list_patch_paths, split_files

_UNKNOWN = ("not a tree object", "Not a valid object name")  # git's words for ids it lacks
SYMLINK, SUBMODULE = "120000", "160000"


class PatchError(ValueError):
    """The gold patch does not apply to its base commit."""


class MissingObjectError(ValueError):
    """The mirror lacks a commit, or the content of a file."""


@dataclass(frozen=True, kw_only=True)
class GitFile:
    """A file of a commit."""

    mode: str  # "100644", "100755", SYMLINK or SUBMODULE
    oid: str


@dataclass(frozen=True, kw_only=True)
class FileVersion:
    """One side of a changed file; a submodule has no content."""

    mode: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class ChangedFile:
    """A file that a patch changes; *source* is its old path if it was renamed, else ""."""

    path: str
    source: str
    old: FileVersion | None
    new: FileVersion | None

    @property
    def status(self) -> str:
        """Return "added", "deleted", "renamed" or "modified"."""
        if self.source:
            return "renamed"
        if self.old is None:
            return "added"
        return "deleted" if self.new is None else "modified"


def list_commit_files(mirror: Path, commit: str) -> dict[str, GitFile]:
    """Return the files of *commit* by path, in git's order.

    Raises:
        MissingObjectError: the mirror lacks the commit.
        GitCommandError: it cannot be read.
    """
    try:
        return dict(_iter_entries(git_fields(mirror, "ls-tree", "-r", "-z", commit), oid_at=2))
    except GitCommandError as error:
        if not any(words in error.stderr for words in _UNKNOWN):
            raise
        raise MissingObjectError(f"the mirror lacks commit {commit}") from error


def _iter_entries(fields: Iterator[bytes], oid_at: int) -> Iterator[tuple[str, GitFile]]:
    for field in fields:
        head, _, path = field.decode("utf-8", "surrogateescape").partition("\t")
        words = head.split(" ")
        yield path, GitFile(mode=words[0], oid=words[oid_at])


def read_changed_files(
    mirror: Path, reader: ObjectReader, files: Mapping[str, GitFile], patch: bytes
) -> tuple[ChangedFile, ...]:
    """Return what *patch* makes of *files* of its base commit, by path; the mirror is not written.

    Raises:
        PatchError: it does not apply.
        MissingObjectError: the mirror lacks the content of a file.
    """
    paths = [path.decode("utf-8", "surrogateescape") for path in list_patch_paths(patch)]
    before = {path: files[path] for path in paths if path in files}
    old = {path: _read_version(reader, path, file) for path, file in before.items()}
    with tempfile.TemporaryDirectory(prefix="curate-gold-") as folder:
        after, new = _apply_patch(mirror, Path(folder), before, patch)
    renamed = {
        part.path: part.source
        for part in split_files(patch)
        if part.source and part.source not in after and part.source in before
    }
    changed = [
        ChangedFile(
            path=path,
            source=renamed.get(path, ""),
            old=old.get(renamed.get(path, path)),
            new=new.get(path),
        )
        for path in sorted({*before, *after} - set(renamed.values()))
        if before.get(path) != after.get(path)
    ]
    return tuple(changed)


def _read_version(reader: ObjectReader, path: str, file: GitFile) -> FileVersion:
    if file.mode == SUBMODULE:
        return FileVersion(mode=file.mode, content=b"")
    content = reader.read(file.oid)
    if content is None:
        raise MissingObjectError(f"the mirror lacks the content of {path}")
    return FileVersion(mode=file.mode, content=content)


def _apply_patch(
    mirror: Path, folder: Path, before: Mapping[str, GitFile], patch: bytes
) -> tuple[dict[str, GitFile], dict[str, FileVersion]]:
    """Apply *patch* to an index of the files in *before*; new objects go to *folder*."""
    (folder / "objects").mkdir()
    environment = {
        "GIT_INDEX_FILE": str(folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(mirror / "objects"),
    }
    entries = "".join(f"{it.mode} {it.oid}\t{path}\0" for path, it in before.items())
    made = run_git(
        mirror,
        *("update-index", "-z", "--index-info"),
        stdin=entries.encode("utf-8", "surrogateescape"),
        environment=environment,
    )
    arguments = ("apply", "--cached", "--whitespace=nowarn", "-")
    done = run_git(mirror, *arguments, stdin=patch, environment=environment)
    if made.returncode or done.returncode:
        lines = (made.stderr + done.stderr).decode(errors="replace").strip().splitlines()
        raise PatchError(lines[0] if lines else "git apply failed")
    listed = run_git(mirror, "ls-files", "-s", "-z", environment=environment).stdout
    after = dict(_iter_entries(iter(listed.split(b"\0")[:-1]), oid_at=1))
    return after, _read_new_versions(mirror, after, environment)


def _read_new_versions(
    mirror: Path, after: Mapping[str, GitFile], environment: Mapping[str, str]
) -> dict[str, FileVersion]:
    """Read all files of the index through one process."""
    named = {path: file for path, file in after.items() if file.mode != SUBMODULE}
    requests = "".join(f"{file.oid}\n" for file in named.values()).encode()
    output = run_git(mirror, "cat-file", "--batch", stdin=requests, environment=environment).stdout
    versions = {
        path: FileVersion(mode=file.mode, content=b"")
        for path, file in after.items()
        if file.mode == SUBMODULE
    }
    at = 0
    for path, file in named.items():
        end = output.index(b"\n", at)
        size = int(output[at:end].split()[-1])
        versions[path] = FileVersion(mode=file.mode, content=output[end + 1 : end + 1 + size])
        at = end + size + 2
    return versions
