"""The mirrors of candidates, put where the workers of a cluster find them."""

from collections.abc import Mapping
from pathlib import Path

from curate.cluster.shared_files import SharedFiles
from curate.cluster.shared_mirrors import SharedMirror, share_mirror
from curate.core.model import Candidate
from curate.core.settings import Settings
from curate.environments.submodules import list_submodule_repos
from curate.git.locations import find_mirror
from curate.recipes import Recipe

SharedMirrors = Mapping[str, SharedMirror]
"""By repository."""


class MirrorSharing:
    """Shares each mirror once; does nothing without the setting `shared_files`."""

    def __init__(self, settings: Settings, *, is_needed: bool) -> None:
        self._settings = settings
        wanted = is_needed and settings.shared_files
        self._shared = SharedFiles(settings.shared_files) if wanted else None
        self._known: dict[str, SharedMirror | None] = {}

    def share(self, candidate: Candidate, recipe: Recipe, mirror: Path) -> SharedMirrors:
        """Return the mirrors of *candidate* and of its submodules, as far as there are any."""
        if self._shared is None:
            return {}
        repos = (candidate.repo, *list_submodule_repos(candidate, recipe, mirror))
        found = {repo: self._share_once(repo, self._shared) for repo in repos}
        return {repo: shared for repo, shared in found.items() if shared}

    def _share_once(self, repo: str, shared: SharedFiles) -> SharedMirror | None:
        if repo not in self._known:
            path = find_mirror(self._settings, repo)
            cache = self._settings.data_dir / "shared"
            self._known[repo] = share_mirror(path, shared, cache) if path else None
        return self._known[repo]
