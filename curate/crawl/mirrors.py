"""Mirrors for the crawl: clone once or link an existing one; fetch missing head commits."""

import logging
from contextlib import suppress
from pathlib import Path

from curate.builders.git.checkout import submodule_commits
from curate.builders.git.run import GitCommandError
from curate.core.errors import (
    AuthenticationError,
    ConfigurationError,
    CurateError,
    NetworkError,
    NotFoundError,
)
from curate.core.names import website_url
from curate.core.settings import Settings
from curate.git.locations import mirror_path
from curate.git.mirror import Mirror, ensure_mirror, fetch_refs, open_mirror
from curate.recipes import Recipe
from curate.store.store import Store

log = logging.getLogger(__name__)

_NEWEST_CANDIDATES = 20  # whose submodules must be in the mirrors; older ones are in older commits


class SubmoduleError(CurateError):
    """The repository of a submodule cannot be cloned or updated."""

    def __init__(self, message: str, cause: CurateError) -> None:
        super().__init__(message, hint=cause.hint)
        self.exit_code = cause.exit_code


def open_or_clone_mirror(
    repo: str, settings: Settings, *, given: Path | None = None, token: str | None = None
) -> Mirror:
    """Open the mirror of *repo*: *given*, linked into the mirrors directory, or a clone in it.

    An existing clone is not updated; `fetch_new_heads` does that. Raises ConfigurationError if
    *given* is not a mirror or a clone exists already.
    """
    path = mirror_path(settings, repo)
    if given is not None:
        opened = open_mirror(given)
        _link_mirror(path, given.resolve())
        return opened
    if path.exists():
        return open_mirror(path)
    log.info("Cloning %s into %s", repo, path)
    return ensure_mirror(path, clone_url(repo, settings.github_api_url), token=token)


def fetch_new_heads(repo: str, settings: Settings, *, token: str | None = None) -> None:
    """Fetch the head commits of new PRs into the clone; never writes to a linked mirror."""
    path = mirror_path(settings, repo)
    if path.is_symlink():
        log.warning("%s lacks commits; fetch branches and refs/pull/*/head there", path)
        return
    log.info("Updating the mirror of %s in %s", repo, path)
    fetch_refs(path, clone_url(repo, settings.github_api_url), token=token)


def update_submodule_mirrors(
    recipe: Recipe, store: Store, settings: Settings, token: str | None
) -> None:
    """Clone the repositories of the recipe's submodules; update those that lack needed commits.

    Their PRs are not crawled. Raises SubmoduleError for the first that cannot be had, after the
    others.
    """
    failures: list[SubmoduleError] = []
    for repo in dict.fromkeys(recipe.submodules.values()):
        paths = [path for path, name in recipe.submodules.items() if name == repo]
        try:
            open_or_clone_mirror(repo, settings, token=token).close()
            if _lacks_submodule_commits(recipe.repo, repo, paths, store, settings):
                fetch_new_heads(repo, settings, token=token)
        except (AuthenticationError, ConfigurationError, NetworkError, NotFoundError) as error:
            message = f"No mirror of {repo}, a submodule of {recipe.repo}: {error}"
            failures.append(SubmoduleError(message, error))
    if failures:
        raise failures[0]


def _lacks_submodule_commits(
    repo: str, submodule: str, paths: list[str], store: Store, settings: Settings
) -> bool:
    """Whether the mirror of *submodule* lacks commits of it that new candidates of *repo* use."""
    mirror = mirror_path(settings, repo).resolve()
    commits: dict[str, None] = {}
    for base in store.newest_base_commits(repo, _NEWEST_CANDIDATES):
        with suppress(GitCommandError):  # the base is gone: validation will say so
            commits |= dict.fromkeys(submodule_commits(mirror, base, paths).values())
    with open_mirror(mirror_path(settings, submodule)) as opened:
        return not all(opened.object_reader.resolve_names(list(commits)))


def clone_url(repo: str, api_url: str) -> str:
    """Return the clone URL of *repo*."""
    return f"{website_url(api_url)}/{repo}.git"


def _link_mirror(path: Path, target: Path) -> None:
    if path.resolve() == target:
        return
    if path.exists() and not path.is_symlink():
        raise ConfigurationError(
            f"{path} already contains a clone.", hint="Remove it, or omit --mirror."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
