"""Work trees: git repositories that contain one commit and nothing newer.

Both backends use them. A repository is created from objects, not cloned. It has a detached HEAD at
the original commit id, no parents (`shallow`), and no refs, tags, remotes, reflogs or hooks, so no
later commit can be reached from it.
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.builders.errors import BuilderError, DiskFullError, MissingObjectsError
from curate.builders.git.run import GitCommandError, checkout_environment


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A work tree: its commit and its submodules."""

    path: Path
    commit: str
    submodules: Mapping[str, str]  # path in the repository -> commit of the gitlink


def make_checkout(
    mirror: Path, commit: str, target: Path, submodules: Mapping[str, Path] | None = None
) -> Checkout:
    """Create a repository at *target* with the files of *commit*.

    Args:
        mirror: Bare repository that contains *commit*.
        commit: Full commit id.
        target: Folder to create; it must not exist.
        submodules: Path in the repository -> bare repository. Each is checked out at the commit of
            its gitlink, as a repository of its own; paths without a gitlink are ignored.

    Raises:
        MissingObjectsError: A mirror lacks the commit or objects of it.
    """
    try:
        _restore_files(mirror, commit, target)
        checked_out = {}
        for path, link in sorted(_read_gitlinks(target).items()):
            if submodules and path in submodules:
                shutil.rmtree(target / path, ignore_errors=True)
                _restore_files(submodules[path], link, target / path)
                checked_out[path] = link
    except BuilderError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return Checkout(path=target, commit=commit, submodules=checked_out)


def require_objects(mirror: Path, commit: str, submodules: Mapping[str, Path]) -> None:
    """Check that `make_checkout` finds everything that it needs; no file content is read.

    Raises:
        MissingObjectsError: A mirror lacks the commit or objects of it.
    """
    _list_present_objects(mirror, commit)
    for path, link in submodule_commits(mirror, commit, submodules).items():
        _list_present_objects(submodules[path], link)


def has_all_files(mirror: Path, commit: str) -> bool:
    """Whether *mirror* has the content of every file of *commit*.

    Raises:
        BuilderError: *mirror* lacks the commit.
    """
    present, missing = _list_objects(mirror, commit)
    return commit in present and not missing


def submodule_commits(mirror: Path, commit: str, paths: Iterable[str]) -> dict[str, str]:
    """Return path -> commit id of the submodules *paths* at *commit*; other paths are left out."""
    submodule_paths = tuple(paths)
    entries = (
        _run_git(mirror, "ls-tree", "-z", commit, "--", *submodule_paths)
        if submodule_paths
        else b""
    )
    split = (entry.split("\t") for entry in entries.decode(errors="surrogateescape").split("\0"))
    found = [(head[0].split(" "), head[1]) for head in split if len(head) == 2]
    return {path: name for (_, kind, name), path in found if kind == "commit"}


def write_commit_step(mirror: Path, older: str, commit: str, pack: Path) -> None:
    """Write to *pack* the objects that a checkout of *older* needs to become one of *commit*.

    *mirror* must have all objects of both. `commit_step_commands` returns the commands that then
    update the checkout.
    """
    present = set(_list_objects(mirror, older)[0])
    missing = [name for name in _list_objects(mirror, commit)[0] if name not in present]
    listing = "\n".join(missing).encode()
    pack.write_bytes(_run_git(mirror, "pack-objects", "--stdout", "-q", data=listing))


def commit_step_commands(older: str, commit: str, pack: str) -> tuple[str, ...]:
    """Return shell commands that update a checkout from *older* to *commit* without any ref.

    They run in the checkout; *pack* is the path of a file by `write_commit_step`.
    """
    return (
        f"git index-pack --stdin < {pack}",
        f"printf '%s\\n' {commit} {older} > .git/shallow",
        f"echo {commit} > .git/HEAD",
        "{ git update-index -q --refresh || true; }",
        # --reset: a file that git cannot convert to and fro counts as changed, which ends a merge
        f"git read-tree --reset -u {commit}",
    )


def _restore_files(mirror: Path, commit: str, target: Path) -> None:
    """Copy the objects of *commit* and write its files."""
    present = _list_present_objects(mirror, commit)
    target.mkdir(parents=True)
    _run_git(target, "init", "--quiet", "--template=")
    pack = _run_git(mirror, "pack-objects", "--stdout", "-q", data="\n".join(present).encode())
    _run_git(target, "index-pack", "--stdin", data=pack)
    git_folder = target / ".git"
    (git_folder / "shallow").write_text(commit + "\n")
    (git_folder / "HEAD").write_text(commit + "\n")
    _run_git(target, "read-tree", commit)
    _run_git(target, "checkout-index", "--all")
    _run_git(target, "update-index", "-q", "--refresh")


def _list_present_objects(mirror: Path, commit: str) -> list[str]:
    """Return the ids reachable from *commit* but its parents, all of which *mirror* has."""
    if not _has_commit(mirror, commit):
        raise MissingObjectsError(mirror, commit, [commit])
    present, missing = _list_objects(mirror, commit)
    if missing:
        raise MissingObjectsError(mirror, commit, _name_objects(mirror, commit, missing))
    return present


def _has_commit(mirror: Path, commit: str) -> bool:
    """Whether *mirror* has *commit*; GitCommandError if it is no repository."""
    answer = _run_git(mirror, "cat-file", "--batch-check", data=f"{commit}\n".encode())
    return answer.split()[1:2] == [b"commit"]


def _name_objects(mirror: Path, commit: str, object_ids: set[str]) -> list[str]:
    """Return the paths of *object_ids* at *commit*; without its trees, the ids themselves."""
    try:
        listing = _run_git(mirror, "ls-tree", "-r", "-t", "-z", commit)
    except GitCommandError:
        return sorted(object_ids)
    entries = (it.split("\t", 1) for it in listing.decode(errors="replace").split("\0") if it)
    return [path for head, path in entries if head.split(" ")[2] in object_ids]


def _list_objects(mirror: Path, commit: str) -> tuple[list[str], set[str]]:
    """Return the ids reachable from *commit* but its parents: existing and missing ones."""
    listing = _run_git(
        mirror, "rev-list", "--objects", "--no-walk", "--missing=print", commit
    ).decode(errors="surrogateescape")
    ids = [line.split(" ", 1)[0] for line in listing.splitlines() if line]
    missing = {name[1:] for name in ids if name.startswith("?")}
    return [name for name in ids if name.strip("?") == name and len(name) >= 40], missing


def _read_gitlinks(target: Path) -> dict[str, str]:
    """Return submodule path -> commit id of the index."""
    return {path: name for mode, name, path in _read_index(target) if mode == "160000"}


def _read_index(target: Path) -> list[tuple[str, str, str]]:
    """Return mode, object id and path of every index entry."""
    entries = _run_git(target, "ls-files", "-s", "-z").decode(errors="surrogateescape").split("\0")
    split = (entry.split("\t", 1) for entry in entries if entry)
    return [(head.split(" ")[0], head.split(" ")[1], path) for head, path in split]


def _run_git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    completed = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=checkout_environment(),
        input=data,
        capture_output=True,
        check=False,
    )
    if completed.returncode:
        if b"No space left on device" in completed.stderr:
            raise DiskFullError(
                f"the disk of {folder} is full", hint="Free disk space and try again."
            )
        raise GitCommandError(arguments, completed.returncode, completed.stderr)
    return completed.stdout
