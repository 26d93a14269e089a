"""The repository of a candidate as a witness: what it names, at the base commit and later."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from curate.builders.errors import MissingObjectsError
from curate.builders.git.run import git_output, run_git
from curate.builders.git.tree import GitTree
from curate.builders.requirements.project_folders import read_project
from curate.builders.rfc3339 import parse_rfc3339
from curate.environments.declarations import Declaration, find_declaration
from curate.git.first_parents import find_commit_at

LATER = (timedelta(days=60), timedelta(days=240))
"""How long after the base commit the repository is asked again, along first parents."""

_SOURCE_ROOTS = ("", "src", "lib", "python")
_PROJECT_FILES = ("setup.py", "setup.cfg", "pyproject.toml")
_SOURCES = (".py", ".pyx", ".pyi", ".c", ".cpp", ".rs")


class RepositoryEvidence:
    """The files of the base commit, of the gold head, and of later commits of the main branch.

    Use it as a context manager. Trees are opened when they are asked for.
    """

    def __init__(self, mirror: Path, base: str, head: str, import_name: str = "") -> None:
        self._mirror, self._base_commit, self._head_commit = mirror, base, head
        self._import_name = import_name
        self._stack = ExitStack()

    def __enter__(self) -> "RepositoryEvidence":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def base(self) -> GitTree:
        """The files of the base commit."""
        return self._open(self._base_commit)

    @cached_property
    def head(self) -> GitTree:
        """The files after gold and test patch."""
        return self._open(self._head_commit)

    @cached_property
    def project(self) -> str:
        """Normalized name of the project's own distribution; "" if it is not declared."""
        name = read_project(self.base).name
        return canonicalize_name(name) if name else ""

    def find_declaration(self, names: Sequence[str]) -> Declaration | None:
        """Return where the repository names one of the distributions *names*, earliest first."""
        for tree, when in self._iter_trees():
            found = _find_if_readable(tree, names)
            if found:
                line = keep_upper_bounds(found.line) if tree in self._later_trees else found.line
                return Declaration(line=line, origin=f"{found.origin}{when}")
        return None

    def iter_later_declarations(self, name: str) -> Iterator[Declaration]:
        """Yield what the gold head and later commits say of the distribution *name*."""
        for tree, when in self._iter_trees():
            found = _find_if_readable(tree, [name]) if when else None
            if found:
                yield replace(found, origin=f"{found.origin}{when}")

    def is_own_module(self, module: str) -> bool:
        """Whether *module* is in the project's package, or that of a distribution beside it."""
        top = module.partition(".")[0]
        if top == self._import_name or canonicalize_name(top) == self.project:
            return True
        if any(self._has_module(root, top) for root in _SOURCE_ROOTS):
            return True
        return any(map(self._is_distribution, self.find_roots(top)))

    def find_roots(self, module: str) -> tuple[str, ...]:
        """Return the folders from which *module* can be imported, shortest first; "" is the root.

        It may be a file or a package of tests or tools.
        """
        path = module.replace(".", "/")
        suffixes = (f"{path}.py", f"{path}/__init__.py")
        roots = {
            found.removesuffix(suffix).rstrip("/")
            for found in self.head.paths
            for suffix in suffixes
            if found == suffix or found.endswith(f"/{suffix}")
        }
        roots |= {  # also without __init__.py
            found[: f"/{found}".index(f"/{path}/")].rstrip("/")
            for found in self.head.paths
            if f"/{path}/" in f"/{found}" and found.endswith(".py")
        }
        return tuple(sorted(roots, key=lambda root: (root.count("/"), root)))

    def has_files_of(self, module: str) -> bool:
        """Whether the repository has files of a module of this name anywhere."""
        top = module.partition(".")[0]
        return any(
            f"/{top}/" in f"/{path}" or f"/{path}".endswith(f"/{top}.py")
            for path in self.head.paths
            if path.endswith(_SOURCES)
        )

    def _is_distribution(self, root: str) -> bool:
        """Whether *root*, a folder below the checkout, has a distribution of its own."""
        folder = root.removesuffix("/src")
        return bool(root) and any(f"{folder}/{name}" in self._paths for name in _PROJECT_FILES)

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(self.head.paths)

    def _has_module(self, root: str, top: str) -> bool:
        prefix = f"{root}/{top}" if root else top
        return any(
            path.startswith((f"{prefix}/", f"{prefix}.")) and path.endswith(_SOURCES)
            for path in self.head.paths
        )

    def _iter_trees(self) -> Iterator[tuple[GitTree, str]]:
        yield self.base, ""
        yield self.head, " of the pull request"
        for tree, date in self._later:
            yield tree, f" of {date}"

    @property
    def _later_trees(self) -> tuple[GitTree, ...]:
        return tuple(tree for tree, _ in self.__dict__.get("_later", ()))

    @cached_property
    def _later(self) -> tuple[tuple[GitTree, str], ...]:
        return tuple(self._iter_later())

    def _iter_later(self) -> Iterable[tuple[GitTree, str]]:
        text = git_output(self._mirror, "log", "-1", "--format=%cI", self._base_commit).decode()
        base_date, last = parse_rfc3339(text.strip()), self._base_commit
        for distance in LATER:
            commit = find_commit_at(self._mirror, "HEAD", base_date + distance)
            if not commit or commit == last:
                continue
            last = commit
            ancestor = ("merge-base", "--is-ancestor", self._base_commit, commit)
            if run_git(self._mirror, *ancestor).returncode == 0:
                date = git_output(self._mirror, "log", "-1", "--format=%cs", commit).decode()
                yield self._open(commit), date.strip()

    def _open(self, commit: str) -> GitTree:
        return self._stack.enter_context(GitTree(self._mirror, commit))


def keep_upper_bounds(line: str) -> str:
    """Return a requirement line with its upper bounds alone.

    What a project asked for later may be newer than the environment: releases of that time do not
    exist for it.
    """
    parsed = Parsed(line)
    clauses = [str(it) for it in parsed.specifier if it.operator in ("<", "<=", "!=")]
    parsed.specifier = SpecifierSet(",".join(clauses))
    return str(parsed)


def _find_if_readable(tree: GitTree, names: Sequence[str]) -> Declaration | None:
    """As `find_declaration`; None if a mirror without all files lacks one that would be read."""
    try:
        return find_declaration(tree, names)
    except MissingObjectsError:
        return None
