"""Where the bare mirrors of repositories are."""

from pathlib import Path

from curate.core.errors import NotFound
from curate.core.settings import Settings


def mirror_path(settings: Settings, repo: str) -> Path:
    """Where the bare mirror of *repo* lies or will lie; absolute, git may run elsewhere."""
    return settings.mirror_folder.absolute() / f"{repo.replace('/', '__')}.git"


def found_mirror(settings: Settings, repo: str) -> Path | None:
    """The bare mirror of *repo* as git is to be given it; None where there is none."""
    path = mirror_path(settings, repo)
    return path.resolve() if path.exists() else None


def existing_mirror(settings: Settings, repo: str) -> Path:
    """As `found_mirror`; NotFound where there is none."""
    found = found_mirror(settings, repo)
    if found is None:
        place = mirror_path(settings, repo)
        raise NotFound(
            f"There is no mirror of {repo} at {place}.", hint=f"Run: curate crawl {repo}"
        )
    return found
