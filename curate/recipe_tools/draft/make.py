"""Make the draft of a repository: the same inputs give the same text, whichever command asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from curate import __version__
from curate.core.model import Candidate
from curate.git.mirror import Mirror
from curate.recipe_tools.draft.commits import observe_commits
from curate.recipe_tools.draft.observe import Observation
from curate.recipe_tools.draft.propose import RecipeDraft, draft_recipe
from curate.recipe_tools.draft.write_toml import render_recipe
from curate.recipes import Recipe, parse_recipe, recipe_file_name

COMMITS_TO_READ = 24


@dataclass(frozen=True, kw_only=True)
class DraftedRecipe:
    """A draft as a file and as a recipe, and the commits that it was made from."""

    draft: RecipeDraft
    observed: tuple[Observation, ...]
    text: str
    recipe: Recipe

    @property
    def needs_crawl(self) -> bool:
        """Whether a crawl with this recipe does otherwise than one with the defaults.

        It may decide otherwise what is a test or a version, or fetch submodules.
        """
        keys = ("paths", "version", "submodules")
        default = Recipe(repo=self.recipe.repo)
        return any(getattr(self.recipe, key) != getattr(default, key) for key in keys)


def make_draft(
    repo: str,
    mirror: Mirror,
    candidates: Sequence[Candidate],
    pythons: Sequence[str],
    commits: int = COMMITS_TO_READ,
) -> DraftedRecipe:
    """Draft a recipe of *repo* from up to *commits* commits of *mirror*.

    Of *candidates* only base commit and date are read; without any, commits of the default branch
    are read. *pythons* are the available interpreters. Raises NotFoundError if every commit is
    older than all of them.
    """
    observed = tuple(observe_commits(mirror, candidates, pythons, commits))
    return render_draft(draft_recipe(repo, observed), observed)


def render_draft(draft: RecipeDraft, observed: Sequence[Observation]) -> DraftedRecipe:
    """Render *draft*, which was made from *observed*, with a line that says what it is."""
    first, _, rest = render_recipe(draft).partition("\n")
    origin = f"# This is a draft by curate {__version__}; edit it as you like."
    text = "\n".join([first, origin, rest.rstrip(), ""])
    recipe = parse_recipe(text, recipe_file_name(draft.repo))
    return DraftedRecipe(draft=draft, observed=tuple(observed), text=text, recipe=recipe)
