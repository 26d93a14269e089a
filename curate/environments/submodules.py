"""The submodules of a candidate's checkout, and those that cannot be had."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from curate.builders.errors import BuilderError
from curate.builders.git.checkout import has_all_files, submodule_commits
from curate.builders.git.run import run_git
from curate.core.errors import NotFoundError
from curate.core.model import Candidate
from curate.git.gitmodules import FILE, hide_credentials, name_repository, read_submodules
from curate.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class CandidateSubmodules:
    """Path -> mirror of the submodules; path -> sentence of those that are not available."""

    mirrors: Mapping[str, Path]
    missing: Mapping[str, str] = field(default_factory=dict)


def find_submodules(
    candidate: Candidate, recipe: Recipe, mirror: Path, get_mirror: Callable[[str], Path]
) -> CandidateSubmodules:
    """Return the submodules of *candidate*: those of the recipe, and those of its `.gitmodules`.

    The recipe takes precedence; a path without a repository there is left out. *get_mirror* raises
    NotFoundError for a repository without a mirror, which for those of the recipe is passed on.
    """
    mirrors = {path: get_mirror(repo) for path, repo in recipe.submodules.items() if repo}
    declared = read_submodules(mirror, f"{candidate.base_commit}:{FILE}")
    others = {path: url for path, url in declared.items() if path not in recipe.submodules}
    commits = submodule_commits(mirror, candidate.base_commit, others) if others else {}
    missing = {}
    for path, commit in sorted(commits.items()):
        found = _find_mirror(name_repository(others[path], candidate.repo), commit, get_mirror)
        if found:
            mirrors[path] = found
        else:
            url = hide_credentials(others[path])
            missing[path] = f"submodule {path} of {url} is not available"
    return CandidateSubmodules(mirrors=mirrors, missing=missing)


def list_submodule_repos(candidate: Candidate, recipe: Recipe, mirror: Path) -> set[str]:
    """Return the repositories of which `find_submodules` may want a mirror."""
    declared = read_submodules(mirror, f"{candidate.base_commit}:{FILE}")
    others = {url for path, url in declared.items() if path not in recipe.submodules}
    named = {name_repository(url, candidate.repo) for url in others}
    return {it for it in (*recipe.submodules.values(), *named) if it}


def _find_mirror(repo: str, commit: str, get_mirror: Callable[[str], Path]) -> Path | None:
    """Return the mirror of *repo* if it has all files of *commit*."""
    try:
        mirror = get_mirror(repo) if repo else None
        return mirror if mirror and has_all_files(mirror, commit) else None
    except (BuilderError, NotFoundError, OSError):
        return None


def is_to_blame(path: str, log: str, mirror: Path, commit: str) -> bool:
    """Whether the *log* of a failure names the missing submodule at *path*, or what it would hold.

    That is a path in it, a module of its name, or a file that the repository says is in it. What
    is named in a warning does no harm.
    """
    lines = [line for line in log.splitlines() if not _WARNING.search(line)]
    pattern = _name_pattern(path, _list_named_files(mirror, commit, path))
    return any(map(pattern.search, lines))


_WARNING = re.compile(r"\bwarning\b|no files found|no previously-included", re.IGNORECASE)


def _name_pattern(path: str, files: set[str]) -> re.Pattern[str]:
    module = re.escape(path.rpartition("/")[2].replace("-", "_"))
    names = "|".join(map(re.escape, sorted(files | ({path} if "/" in path else set()))))
    below = rf"{re.escape(path)}/|['\"]{re.escape(path)}['\"]"
    return re.compile(
        rf"(?<![\w-])(?:{names or below})(?![\w-]|\.\w)|(?<![\w/-])(?:{below})"
        rf"|No module named ['\"]?(?:[\w.]+\.)?{module}\b"
    )


def _list_named_files(mirror: Path, commit: str, path: str) -> set[str]:
    """Return the names of files below *path* that files of *commit* mention."""
    pattern = rf"{re.escape(path)}/[A-Za-z0-9_./+-]*"
    found = run_git(mirror, "grep", "-hoIE", pattern, commit)
    text = found.stdout.decode("utf-8", "replace") if found.returncode == 0 else ""
    names = (line.rstrip("./").rpartition("/")[2] for line in text.splitlines())
    return {name for name in names if re.fullmatch(r"[\w+-]+\.\w+", name)}
