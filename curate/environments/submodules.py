"""The submodules of a candidate's checkout, and those that cannot be had."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.builders.errors import BuilderError
from curate.builders.git.checkout import has_all_files, submodule_commits
from curate.core.errors import NotFoundError
from curate.core.model import Candidate
from curate.git.gitmodules import FILE, hide_credentials, name_repository, read_submodules
from curate.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class CandidateSubmodules:
    """Path -> mirror of the submodules, and a sentence for each one that is not available."""

    mirrors: Mapping[str, Path]
    missing: tuple[str, ...] = ()


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
    missing = []
    for path, commit in sorted(commits.items()):
        found = _find_mirror(name_repository(others[path], candidate.repo), commit, get_mirror)
        if found:
            mirrors[path] = found
        else:
            url = hide_credentials(others[path])
            missing.append(f"submodule {path} of {url} is not available")
    return CandidateSubmodules(mirrors=mirrors, missing=tuple(missing))


def _find_mirror(repo: str, commit: str, get_mirror: Callable[[str], Path]) -> Path | None:
    """Return the mirror of *repo* if it has all files of *commit*."""
    try:
        mirror = get_mirror(repo) if repo else None
        return mirror if mirror and has_all_files(mirror, commit) else None
    except (BuilderError, NotFoundError, OSError):
        return None
