"""Preview of a drafted recipe: what a validation would plan at the observed commits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from curate.builders.git.tree import GitTree
from curate.builders.model import Failure
from curate.builders.requirements import read_manifest
from curate.environments.recipe_values import make_version_resolver
from curate.environments.variants import make_variant
from curate.environments.workspace import find_sources
from curate.git.mirror import Mirror
from curate.recipe_tools.draft.observe import Observation
from curate.recipes import EnvRecipe, Recipe


@dataclass(frozen=True, kw_only=True)
class CommitPreview:
    """A commit's version, and its interpreter and requirements, or why they are unknown."""

    date: datetime
    commit: str
    version: str  # "" = unknown
    summary: str


def preview_commits(
    mirror: Mirror, observed: Sequence[Observation], recipe: Recipe, pythons: Sequence[str]
) -> Iterator[CommitPreview]:
    """Yield a preview of each commit in *observed*, in order."""
    resolve_version = make_version_resolver(recipe, mirror)
    for it in observed:
        version = resolve_version(it.commit)
        ranges = recipe.find_ranges(version)
        if len(ranges) != 1:
            summary = f"{len(ranges)} ranges of the recipe contain this version"
        elif ranges[0].skip:
            summary = f"skipped: {ranges[0].skip}"
        else:
            summary = _summarize_variant(mirror, it, ranges[0], pythons)
        yield CommitPreview(date=it.date, commit=it.commit, version=version, summary=summary)


def _summarize_variant(
    mirror: Mirror, observation: Observation, env: EnvRecipe, pythons: Sequence[str]
) -> str:
    with GitTree(mirror.path, observation.commit) as tree:
        manifest = read_manifest(tree, find_sources(tree, env, ()))
    variant = make_variant("base", manifest, observation.date, env, pythons)
    if isinstance(variant, Failure):
        return f"{variant.stage}/{variant.reason}: {variant.detail}"
    count = len({item.name for item in variant.manifest.requirements})
    return f"python {variant.python:<4} {count:>3} requirements"
