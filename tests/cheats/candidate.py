"""A candidate's patch: what it lays into a checkout, and what grading it must come to."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Executable:
    """A file that may be executed."""

    content: str


@dataclass(frozen=True)
class Submodule:
    """A gitlink: the commit of a repository of its own."""

    commit: str = "1234567890" * 4


Content = str | bytes | Link | Executable | Submodule | None  # None = deleted
Files = Mapping[str, Content]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Changes of a checkout, or a *patch* that no checkout makes."""

    name: str
    files: Files = field(default_factory=dict)
    patch: bytes = b""

    def make_patch(self, checkout: Path) -> bytes:
        """Return the diff against HEAD of *checkout*, which is left as it is."""
        return self.patch or diff_files(checkout, self.files)


@dataclass(frozen=True, kw_only=True)
class Cheat(Candidate):
    """A candidate that does not solve the task. It must earn 0, except if nothing guards."""

    guard: str  # what keeps it from earning 1, for docs/security.md
    guarded: bool = True
    bites: bool = True  # it earns 1 where a patch is only applied, and the tests are run
    is_slow: bool = False
    only: str = ""  # sandbox that guards against it, if not all do


@dataclass(frozen=True, kw_only=True)
class Honest(Candidate):
    """A candidate that solves the task. It must earn 1."""

    is_gold: bool = False  # the task's own solution, not only a solver's


def diff_files(checkout: Path, files: Files) -> bytes:
    """Return git's diff of *files* against HEAD, made in an index of its own."""
    index = checkout / ".git" / "cheat-index"
    git = ("git", "-C", str(checkout), "-c", "core.autocrlf=false", "-c", "core.protectNTFS=false")
    variables = {"GIT_INDEX_FILE": str(index), "PATH": "/usr/bin:/bin:/usr/local/bin"}

    def run(*arguments: str, text: bytes = b"") -> bytes:
        done = subprocess.run(
            [*git, *arguments], env=variables, input=text, capture_output=True, check=True
        )
        return done.stdout

    try:
        run("read-tree", "HEAD")
        for path, mode, content in _list_entries(files):
            if content is None:
                run("rm", "-q", "-r", "--cached", "--", path)
                continue
            blob = content if isinstance(content, str) else _write_blob(run, content)
            run("update-index", "--add", "--replace", "--cacheinfo", f"{mode},{blob},{path}")
        return run("diff", "--cached", "--binary", "--full-index", "HEAD")
    finally:
        index.unlink(missing_ok=True)


def _write_blob(run: "object", content: bytes) -> str:
    assert callable(run)
    written: bytes = run("hash-object", "-w", "--stdin", text=content)
    return written.decode().strip()


def _list_entries(files: Files) -> Iterator[tuple[str, str, bytes | str | None]]:
    """Yield (path, mode, content, or the commit of a submodule), what is deleted first."""
    for path, content in sorted(files.items(), key=lambda it: it[1] is not None):
        match content:
            case None:
                yield path, "", None
            case Link(target):
                yield path, "120000", target.encode()
            case Submodule(commit):
                yield path, "160000", commit
            case Executable(text):
                yield path, "100755", text.encode()
            case str():
                yield path, "100644", content.encode()
            case _:
                yield path, "100644", content
