"""Mirrors for the crawl: clone once or link an existing one; fetch missing head commits."""

import logging
from pathlib import Path

from curate.core.errors import ConfigurationError
from curate.core.names import site_address
from curate.core.settings import Settings
from curate.git.locations import mirror_path
from curate.git.mirror import Mirror, ensure_mirror, fetch_refs, open_mirror

log = logging.getLogger(__name__)


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
        log.warning("%s lacks head commits of pull requests; fetch refs/pull/*/head there", path)
        return
    log.info("Updating the mirror of %s in %s", repo, path)
    fetch_refs(path, clone_url(repo, settings.github_api_url), token=token)


def clone_url(repo: str, api_url: str) -> str:
    """Return the clone URL of *repo*."""
    return f"{site_address(api_url)}/{repo}.git"


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
