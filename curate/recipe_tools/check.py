"""Checks of a recipe: its keys and values, and its ranges against the versions of a mirror."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from curate.builders.git.tree import GitTree
from curate.builders.images.install_script import EDITABLE
from curate.builders.python.choose import RELEASES
from curate.builders.requirements import Manifest, read_manifest
from curate.builders.requirements.requirement_line import (
    InvalidRequirementLineError,
    parse_requirement,
)
from curate.core.sampling import sample_evenly
from curate.environments.recipe_values import make_version_resolver
from curate.environments.workspace import find_sources
from curate.git.mirror import default_branch_commits, open_mirror
from curate.recipes import (
    EnvRecipe,
    Recipe,
    RecipeError,
    load_recipe,
    range_problems,
    recipe_file_name,
)


@dataclass(frozen=True, kw_only=True)
class RecipeCheck:
    """Result of checking one recipe file; it is valid if `problems` is empty."""

    path: Path
    repo: str  # "" where the file cannot be read
    ranges: int
    versions: tuple[str, ...]  # of the mirror, ascending; () without a mirror
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()  # possible mistakes


def check_recipe(path: Path, mirror: Path | None, *, commits: int = 0) -> RecipeCheck:
    """Check the recipe in *path*, and its ranges against all versions of *mirror* if given.

    The files, extras and groups named in the recipe are searched at *commits* evenly spaced
    commits of the default branch; 0 skips this.
    """
    try:
        recipe = load_recipe(path)
    except RecipeError as error:
        error_text = " ".join(filter(None, (str(error), error.hint)))
        return RecipeCheck(path=path, repo="", ranges=0, versions=(), problems=(error_text,))
    versions = _read_versions(recipe, mirror) if mirror else ()
    notes = tuple(_find_missing_sources(recipe, mirror, commits)) if mirror and commits else ()
    return RecipeCheck(
        path=path,
        repo=recipe.repo,
        ranges=len(recipe.env),
        versions=versions,
        problems=tuple(_find_problems(recipe, path, versions)),
        notes=notes,
    )


def _read_versions(recipe: Recipe, path: Path) -> tuple[str, ...]:
    with open_mirror(path) as mirror:
        return tuple(sorted(make_version_resolver(recipe, mirror).list_versions(), key=Version))


def _find_missing_sources(recipe: Recipe, path: Path, count: int) -> Iterator[str]:
    """Yield files, extras and groups missing at all sampled commits whose range names them."""
    named_count: Counter[str] = Counter()
    missing_count: Counter[str] = Counter()
    with open_mirror(path) as mirror:
        resolve_version = make_version_resolver(recipe, mirror)
        for commit in sample_evenly(default_branch_commits(mirror), count):
            ranges = recipe.find_ranges(resolve_version(commit))
            if len(ranges) != 1 or ranges[0].skip:
                continue
            with GitTree(mirror.path, commit) as tree:
                manifest = read_manifest(tree, find_sources(tree, ranges[0], ()))
            if isinstance(manifest, Manifest):
                named_count.update(_named_sources(ranges[0]))
                missing_count.update(manifest.missing_sources)
    for name in named_count:
        if missing_count[name] == named_count[name]:
            yield f"{name} does not exist at any of {named_count[name]} commits"


def _named_sources(env: EnvRecipe) -> Iterator[str]:
    """Yield the sources of *env*, as `Manifest.missing_sources` names them."""
    sources = env.requirements
    yield from (f"project {folder}" for folder in sources.projects)
    yield from (f"file {name}" for name in sources.files)
    yield from (f"extra {canonicalize_name(name)}" for name in sources.extras)
    yield from (f"group {name}" for name in sources.groups)


def _find_problems(recipe: Recipe, path: Path, versions: tuple[str, ...]) -> Iterator[str]:
    if path.name.lower() != recipe_file_name(recipe.repo).lower():
        yield f"the file of {recipe.repo} must be named {recipe_file_name(recipe.repo)}"
    for span in range_problems(recipe, versions):
        yield f"{'overlap' if span.ranges else 'gap'} at {span}"
    for env in recipe.env:
        yield from (f"{_describe_range(env)}: {problem}" for problem in _check_range(env))


def _check_range(env: EnvRecipe) -> Iterator[str]:
    if env.python and env.python not in RELEASES:
        yield f"Python {env.python} does not exist"
    for line in env.requirements.add:
        try:
            parse_requirement(line.removeprefix("-c "))
        except InvalidRequirementLineError as error:
            yield f"requirements.add: {error}"
    for command in env.install:
        if EDITABLE in command and command != EDITABLE:
            yield f"install: {EDITABLE} must be a command of its own, not part of {command!r}"


def _describe_range(env: EnvRecipe) -> str:
    return f"range {env.versions!r}" if env.versions else "range of all versions"
