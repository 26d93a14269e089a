"""Paths of the bare mirrors."""

from pathlib import Path
from urllib.parse import urlsplit

from curate.core.errors import NotFoundError
from curate.core.names import website_url
from curate.core.settings import Settings


def mirror_path(settings: Settings, repo: str) -> Path:
    """Absolute path of the bare mirror of *repo*, whether it exists or not.

    *repo* is "owner/name", or "host/owner/name" of any host.
    """
    name = short_name(repo, settings.github_api_url)
    return settings.effective_mirrors_dir.absolute() / f"{name.replace('/', '__')}.git"


def short_name(repo: str, api_url: str) -> str:
    """Return *repo* without the host of GitHub's website, which need not be named."""
    return repo.removeprefix(f"{urlsplit(website_url(api_url)).netloc}/")


def find_mirror(settings: Settings, repo: str) -> Path | None:
    """Path of the bare mirror of *repo*, symlinks resolved; None if it does not exist."""
    path = mirror_path(settings, repo)
    return path.resolve() if path.exists() else None


def require_mirror(settings: Settings, repo: str) -> Path:
    """Like `find_mirror`; raises NotFoundError if it does not exist."""
    mirror = find_mirror(settings, repo)
    if mirror is None:
        path = mirror_path(settings, repo)
        raise NotFoundError(f"No mirror of {repo} at {path}.", hint=f"Run: curate crawl {repo}")
    return mirror
