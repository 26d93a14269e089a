"""Mirrors for the crawl: clone once or link an existing one; fetch missing head commits."""

import logging
from collections.abc import Iterator, Mapping
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
from curate.git.gitmodules import FILE, name_repository, read_submodules
from curate.git.locations import mirror_path, short_name
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
    own_token = token if _is_on_github(repo, settings) else None
    return ensure_mirror(path, clone_url(repo, settings.github_api_url), token=own_token)


def fetch_new_heads(repo: str, settings: Settings, *, token: str | None = None) -> None:
    """Fetch the head commits of new PRs into the clone; never writes to a linked mirror."""
    path = mirror_path(settings, repo)
    if path.is_symlink():
        log.warning("%s lacks commits; fetch branches and refs/pull/*/head there", path)
        return
    log.info("Updating the mirror of %s in %s", repo, path)
    own_token = token if _is_on_github(repo, settings) else None
    fetch_refs(path, clone_url(repo, settings.github_api_url), token=own_token)


def update_submodule_mirrors(
    recipe: Recipe, store: Store, settings: Settings, token: str | None
) -> None:
    """Clone the repositories of submodules; update those that lack needed commits.

    They are those of the recipe, and those in `.gitmodules` of base commits of candidates. Their
    PRs are not crawled. What only `.gitmodules` names may be missing, which is logged. Raises
    SubmoduleError for the first of the recipe that cannot be had, after the others.
    """
    named = {path: repo for path, repo in recipe.submodules.items() if repo}
    failures = list(_update_submodules(named, recipe.repo, store, settings, token))
    for error in _update_submodules(
        _find_declared(recipe, store, settings), recipe.repo, store, settings, token
    ):
        log.warning("%s", error)
    if failures:
        raise failures[0]


def _update_submodules(
    repos: Mapping[str, str], parent: str, store: Store, settings: Settings, token: str | None
) -> Iterator[SubmoduleError]:
    """Clone or update the mirrors of *repos*, path -> repository; yield what fails."""
    for repo in dict.fromkeys(repos.values()):
        paths = [path for path, name in repos.items() if name == repo]
        try:
            open_or_clone_mirror(repo, settings, token=token).close()
            if _lacks_submodule_commits(parent, repo, paths, store, settings):
                fetch_new_heads(repo, settings, token=token)
        except (AuthenticationError, ConfigurationError, NetworkError, NotFoundError) as error:
            yield SubmoduleError(f"No mirror of {repo}, a submodule of {parent}: {error}", error)


def _find_declared(recipe: Recipe, store: Store, settings: Settings) -> dict[str, str]:
    """Return path -> repository in `.gitmodules` of candidates, of hosts that may be cloned from.

    Paths that the recipe has are left out; of several repositories of a path, the newest counts.
    """
    path = mirror_path(settings, recipe.repo)
    bases = store.newest_base_commits(recipe.repo)
    if not bases or not path.exists():
        return {}
    with open_mirror(path) as opened:
        blobs = opened.object_reader.resolve_names([f"{it}:{FILE}" for it in reversed(bases)])
    found: dict[str, str] = {}
    for blob in dict.fromkeys(filter(None, blobs)):
        found |= read_submodules(path, blob)
    named = {place: name_repository(url, recipe.repo) for place, url in found.items()}
    return {
        place: repo
        for place, repo in named.items()
        if repo and place not in recipe.submodules and _may_clone(repo, settings)
    }


def _may_clone(repo: str, settings: Settings) -> bool:
    host = repo.partition("/")[0]
    hosts = settings.submodule_hosts.replace(",", " ").split()
    return _is_on_github(repo, settings) or host in hosts


def _is_on_github(repo: str, settings: Settings) -> bool:
    """Whether *repo* is on the website that is crawled, whose tokens are only for it."""
    return short_name(repo, settings.github_api_url).count("/") == 1


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
    """Return the clone URL of *repo*, "owner/name" or "host/owner/name"."""
    name = short_name(repo, api_url)
    site = "https:/" if name.count("/") > 1 else website_url(api_url)
    return f"{site}/{name}.git"


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
