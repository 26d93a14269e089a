"""Drafts that a command makes by itself, for repositories that have no recipe."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from curate.cli.common import err_console
from curate.cli.progress import show_phases
from curate.cli.suggestions import complete_commands
from curate.core.settings import Settings
from curate.store import Store

if TYPE_CHECKING:
    from curate.recipes import RecipeLibrary
    from curate.workflows.drafting import SavedDraft


@contextmanager
def drafts_folder(settings: Settings, *, is_kept: bool) -> Iterator[Path]:
    """Yield where new drafts are saved: the data directory, or one that the block's end removes."""
    if is_kept:
        yield settings.drafted_recipes_dir
        return
    with TemporaryDirectory(prefix="curate-drafts-") as folder:
        yield Path(folder)


def draft_for_candidates(
    ids: Sequence[str],
    repo: str | None,
    store: Store,
    settings: Settings,
    library: "RecipeLibrary",
    folder: Path,
) -> None:
    """Draft the missing recipes of the repositories of *ids*, else of *repo*, else of all.

    Drafts are saved in *folder*; a line for each says where, and how to change it.
    """
    from curate.workflows.drafting import draft_missing_recipes

    repos = store.candidate_repositories()
    wanted = [repos[name] for name in ids if name in repos] if ids else sorted({*repos.values()})
    chosen = [name for name in wanted if repo in (None, name)]
    with show_phases() as progress:
        saved = draft_missing_recipes(chosen, store, settings, library, folder, progress)
    for one in saved:
        print_saved_draft(one, is_kept=folder == settings.drafted_recipes_dir)
        if one.needs_crawl:
            command = complete_commands(f"curate crawl {one.repo}")
            text = f"  It names tests, versions or submodules. To apply that: {command}"
            err_console.print(text, markup=False, soft_wrap=True)


def print_saved_draft(saved: "SavedDraft", *, is_kept: bool = True) -> None:
    """Say that a recipe was drafted and how to change it; if not *is_kept*, that it will be."""
    start = f"{saved.repo} has no recipe"
    if not is_kept:
        text = f"{start}: one will be drafted from {saved.commits} commits."
    else:
        text = f"{start}: drafted {saved.file} from {saved.commits} commits. To change it, edit it."
    err_console.print(text, markup=False, soft_wrap=True)
