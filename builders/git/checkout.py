"""The work tree of one commit as a git repository that knows this commit and nothing newer.

Both backends use it. The repository is made from objects, not cloned: a detached HEAD at the true
commit id, no parents (`shallow`), no refs, tags, remotes, reflogs or hooks, so no later commit can
be reached from it.
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from builders.errors import BuilderError, DiskFullError
from builders.git.run import GitCommandError, checkout_environment


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A work tree that was made: its commit, its submodules, and what the mirror lacked."""

    path: Path
    commit: str
    submodules: Mapping[str, str]  # path in the tree -> commit of the gitlink
    missing: tuple[str, ...] = ()  # files whose content is not in the mirror, so not written


def make_checkout(
    mirror: Path, commit: str, target: Path, submodules: Mapping[str, Path] | None = None
) -> Checkout:
    """Make a repository at *target* (which must not exist) with the tree of *commit*.

    Submodules in *submodules* (path in the tree -> bare repository) are checked out at the commit
    the tree names, each as a repository of its own; paths the tree does not name are ignored.
    Raises `BuilderError` when a mirror lacks the commit or one of its trees.
    """
    try:
        missing = _restore_files(mirror, commit, target)
        made = {}
        for path, link in sorted(_read_gitlinks(target).items()):
            if submodules and path in submodules:
                shutil.rmtree(target / path, ignore_errors=True)
                lost = _restore_files(submodules[path], link, target / path)
                missing += tuple(f"{path}/{name}" for name in lost)
                made[path] = link
    except BuilderError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return Checkout(path=target, commit=commit, submodules=made, missing=missing)


def has_all_files(mirror: Path, commit: str) -> bool:
    """Whether *mirror* has every file of *commit*; `BuilderError` where it lacks the commit."""
    present, lost = _list_objects(mirror, commit)
    return commit in present and not lost


def submodule_commits(mirror: Path, commit: str, paths: Iterable[str]) -> dict[str, str]:
    """Commits at which *commit* has the submodules *paths*; what is none there is left out."""
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
    """Write to *pack* what a checkout of *older* lacks to become one of *commit*.

    Both must be whole in *mirror*. `commit_step_commands` has what then turns the one into the
    other.
    """
    there = set(_list_objects(mirror, older)[0])
    missing = [name for name in _list_objects(mirror, commit)[0] if name not in there]
    listing = "\n".join(missing).encode()
    pack.write_bytes(_run_git(mirror, "pack-objects", "--stdout", "-q", data=listing))


def commit_step_commands(older: str, commit: str, pack: str) -> tuple[str, ...]:
    """Shell commands that make the current checkout of *older* one of *commit*; no ref is made."""
    return (
        f"git index-pack --stdin < {pack}",
        f"printf '%s\\n' {commit} {older} > .git/shallow",
        f"echo {commit} > .git/HEAD",
        "{ git update-index -q --refresh || true; }",
        f"git read-tree -m -u {older} {commit}",
    )


def _restore_files(mirror: Path, commit: str, target: Path) -> tuple[str, ...]:
    """Copy the objects of *commit* and write its files; return the paths that have no content."""
    present, lost = _list_objects(mirror, commit)
    if commit not in present:
        raise BuilderError(f"{mirror} has no commit {commit}", hint="Update the mirror.")
    target.mkdir(parents=True)
    _run_git(target, "init", "--quiet", "--template=")
    pack = _run_git(mirror, "pack-objects", "--stdout", "-q", data="\n".join(present).encode())
    _run_git(target, "index-pack", "--stdin", data=pack)
    git_folder = target / ".git"
    (git_folder / "shallow").write_text(commit + "\n")
    (git_folder / "HEAD").write_text(commit + "\n")
    _run_git(target, "read-tree", commit)
    missing = _hide_missing_files(target, lost)
    _run_git(target, "checkout-index", "--all")
    _run_git(target, "update-index", "-q", "--refresh")
    return missing


def _list_objects(mirror: Path, commit: str) -> tuple[list[str], set[str]]:
    """Ids reachable from *commit* without its parents: those the mirror has, and those it lacks."""
    listing = _run_git(
        mirror, "rev-list", "--objects", "--no-walk", "--missing=print", commit
    ).decode(errors="surrogateescape")
    ids = [line.split(" ", 1)[0] for line in listing.splitlines() if line]
    lost = {name[1:] for name in ids if name.startswith("?")}
    return [name for name in ids if name.strip("?") == name and len(name) >= 40], lost


def _hide_missing_files(target: Path, lost: set[str]) -> tuple[str, ...]:
    """Mark index entries without content as not to be checked out, so the tree counts as clean."""
    if not lost:
        return ()
    paths = [path for _, name, path in _read_index(target) if name in lost]
    listing = "\0".join(paths).encode(errors="surrogateescape")
    _run_git(target, "update-index", "-z", "--skip-worktree", "--stdin", data=listing)
    return tuple(paths)


def _read_gitlinks(target: Path) -> dict[str, str]:
    """Submodule paths of the index and the commits they point at."""
    return {path: name for mode, name, path in _read_index(target) if mode == "160000"}


def _read_index(target: Path) -> list[tuple[str, str, str]]:
    """Mode, object id and path of every index entry."""
    entries = _run_git(target, "ls-files", "-s", "-z").decode(errors="surrogateescape").split("\0")
    split = (entry.split("\t", 1) for entry in entries if entry)
    return [(head.split(" ")[0], head.split(" ")[1], path) for head, path in split]


def _run_git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=checkout_environment(),
        input=data,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        if b"No space left on device" in done.stderr:
            raise DiskFullError(
                f"the disk of {folder} is full", hint="Free some space and try again."
            )
        raise GitCommandError(arguments, done.returncode, done.stderr)
    return done.stdout
