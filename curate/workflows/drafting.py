"""Draft a recipe for each repository that has none, once, before its candidates are validated."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.builders.process.atomic_write import atomic_write
from curate.builders.python.choose import available_pythons
from curate.core.errors import StoreError, UnexpectedError, describe_error
from curate.core.settings import Settings
from curate.git.locations import require_mirror
from curate.git.mirror import open_mirror
from curate.recipe_tools.draft.make import COMMITS_TO_READ, DraftedRecipe, make_draft
from curate.recipes import RecipeError, RecipeLibrary, recipe_file_name
from curate.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SavedDraft:
    """A draft that was made because a repository had no recipe."""

    repo: str
    file: Path
    commits: int  # that were read
    needs_crawl: bool  # whether a crawl does otherwise with it


def draft_missing_recipes(
    repos: Sequence[str],
    store: Store,
    settings: Settings,
    library: RecipeLibrary,
    folder: Path,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> list[SavedDraft]:
    """Save a draft in *folder* for each of *repos* of which *library* has no recipe.

    A repository whose draft fails is logged with a warning and has the default recipe. A directory
    that cannot be written or a store that cannot be read raises: it concerns all repositories.
    """
    saved = []
    missing = [repo for repo in dict.fromkeys(repos) if library.find_path(repo) is None]
    for index, repo in enumerate(missing):
        progress(f"drafting a recipe for {repo}", index, len(missing))
        try:
            drafted = draft_stored_repository(repo, store, settings)
        except StoreError:
            raise
        except Exception as error:
            _log_failure(repo, error)
            continue
        file, changes = save_draft(drafted, folder), drafted.needs_crawl
        saved.append(
            SavedDraft(repo=repo, file=file, commits=len(drafted.observed), needs_crawl=changes)
        )
    return saved


def draft_stored_repository(
    repo: str, store: Store, settings: Settings, commits: int = COMMITS_TO_READ
) -> DraftedRecipe:
    """Draft a recipe of *repo* from its mirror and its stored candidates.

    Raises NotFoundError if there is no mirror, or if all commits are too old.
    """
    pythons = available_pythons(settings.python_install_dir)
    with open_mirror(require_mirror(settings, repo)) as mirror:
        heads = [candidate for candidate, _ in store.iter_candidate_heads(repo)]
        return make_draft(repo, mirror, heads, pythons, commits)


def save_draft(drafted: DraftedRecipe, folder: Path) -> Path:
    """Write *drafted* into *folder*, completely or not at all; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / recipe_file_name(drafted.recipe.repo)
    with atomic_write(file) as partial:
        partial.write_text(drafted.text, encoding="utf-8")
    return file


def _log_failure(repo: str, error: Exception) -> None:
    """Say why *repo* has no draft; the traceback of a bug goes to the log file."""
    described = None if isinstance(error, RecipeError) else describe_error(error)
    message = described[0] if described else str(UnexpectedError(error))
    log.warning("%s: no recipe, and none could be drafted, so the defaults: %s", repo, message)
    if described is None:
        log.debug("%s: the traceback", repo, exc_info=error)
