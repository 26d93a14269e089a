"""Where the bare mirrors of repositories are."""

from pathlib import Path

from curate.core.errors import NotFoundError
from curate.core.settings import Settings


def mirror_path(settings: Settings, repo: str) -> Path:
    """Where the bare mirror of *repo* lies or will lie; absolute, git may run elsewhere."""
    return settings.effective_mirrors_dir.absolute() / f"{repo.replace('/', '__')}.git"


def find_mirror(settings: Settings, repo: str) -> Path | None:
    """The bare mirror of *repo* as git is to be given it; None where there is none."""
    path = mirror_path(settings, repo)
    return path.resolve() if path.exists() else None


def require_mirror(settings: Settings, repo: str) -> Path:
    """As `find_mirror`; NotFoundError where there is none."""
    mirror = find_mirror(settings, repo)
    if mirror is None:
        path = mirror_path(settings, repo)
        raise NotFoundError(
            f"There is no mirror of {repo} at {path}.", hint=f"Run: curate crawl {repo}"
        )
    return mirror
