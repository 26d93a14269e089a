"""Repositories of the Hub double: commits, branches and tags over blobs kept by sha256."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


class HubError(Exception):
    """An answer that is an error: status, the value of X-Error-Code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file in a commit: its blob, its size in bytes and whether LFS carries it."""

    sha256: str
    oid: str  # as git names the blob
    size: int
    lfs: bool


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit and the whole tree it names."""

    oid: str
    parent: str | None
    title: str
    message: str
    date: str
    files: dict[str, Entry]


@dataclass(kw_only=True)
class Repository:
    """One repository: everything a client can see of it."""

    kind: str  # "dataset" | "model"
    repo_id: str
    private: bool
    created: str
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, revision: str) -> Commit:
        """Commit named by a branch, a tag or a (shortened) commit id."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        oid = self.branches.get(name) or self.tags.get(name)
        if oid is None and len(name) >= 7:
            oid = next((known for known in self.commits if known.startswith(name)), None)
        if oid is None:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[oid]

    def history(self, commit: Commit) -> list[Commit]:
        """*commit* and its ancestors, newest first."""
        found = [commit]
        while (parent := found[-1].parent) is not None:
            found.append(self.commits[parent])
        return found

    def add(self, branch: str, files: dict[str, Entry], title: str, message: str = "") -> Commit:
        """A commit on top of *branch*, which moves to it."""
        parent = self.branches.get(branch)
        date = now()
        tree = json.dumps([(path, files[path].sha256) for path in sorted(files)])
        text = f"{self.kind} {self.repo_id} {len(self.commits)} {parent} {title} {date} {tree}"
        oid = hashlib.sha1(text.encode()).hexdigest()
        commit = Commit(
            oid=oid, parent=parent, title=title, message=message, date=date, files=files
        )
        self.commits[oid] = commit
        self.branches[branch] = oid
        return commit


class State:
    """All repositories and blobs; in memory, and in *folder* too when there is one."""

    def __init__(self, token: str, user: str, folder: Path | None) -> None:
        self.token = token
        self.user = user
        self.folder = folder
        self.lock = threading.RLock()
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.blobs: dict[str, bytes] = {}
        if folder is not None and (folder / "state.json").exists():
            self._load(folder)

    def entry(self, content: bytes, *, lfs: bool) -> Entry:
        """Keep *content* and describe it."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.blobs[sha256] = content
        header = b"blob %d\0" % len(content)
        oid = hashlib.sha1(header + content).hexdigest()
        return Entry(sha256=sha256, oid=oid, size=len(content), lfs=lfs)

    def create(self, kind: str, repo_id: str, *, private: bool) -> Repository:
        """A new repository with its first commit, as the Hub makes it."""
        repository = Repository(kind=kind, repo_id=repo_id, private=private, created=now())
        first = {".gitattributes": self.entry(_ATTRIBUTES, lfs=False)}
        repository.add("main", first, "initial commit")
        self.repositories[kind, repo_id] = repository
        return repository

    def save(self) -> None:
        """Write everything to the folder, if there is one."""
        if self.folder is None:
            return
        blobs = self.folder / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        for sha256, content in self.blobs.items():
            if not (blobs / sha256).exists():
                (blobs / sha256).write_bytes(content)
        text = json.dumps([_plain(repository) for repository in self.repositories.values()])
        (self.folder / "state.json").write_text(text, encoding="utf-8")

    def _load(self, folder: Path) -> None:
        for blob in (folder / "blobs").iterdir():
            self.blobs[blob.name] = blob.read_bytes()
        for plain in json.loads((folder / "state.json").read_text(encoding="utf-8")):
            repository = _repository(plain)
            self.repositories[repository.kind, repository.repo_id] = repository


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _plain(repository: Repository) -> dict[str, Any]:
    commits = {
        oid: {**vars(commit), "files": {path: vars(e) for path, e in commit.files.items()}}
        for oid, commit in repository.commits.items()
    }
    return {**vars(repository), "commits": commits}


def _repository(plain: dict[str, Any]) -> Repository:
    repository = Repository(**{**plain, "commits": {}})
    for oid, commit in plain["commits"].items():
        files = {path: Entry(**entry) for path, entry in commit["files"].items()}
        repository.commits[oid] = Commit(**{**commit, "files": files})
    return repository
