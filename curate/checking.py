"""Whether a recipe can be used: its keys, its ranges against a mirror, what its values mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from builders.install import EDITABLE
from builders.interpreter import RELEASES
from builders.requirements.lines import Unusable, parse
from curate.git.mirror import open_mirror
from curate.planning import version_names
from recipes import EnvRecipe, Recipe, RecipeError, faults, file_name, load


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found of one recipe file; without problems it is good."""

    path: Path
    repo: str  # "" where the file cannot be read
    ranges: int
    versions: tuple[str, ...]  # of the mirror, ascending; () without a mirror
    problems: tuple[str, ...]


def checked(path: Path, mirror: Path | None) -> Checked:
    """Check the recipe in *path*, its ranges against every version of *mirror* if there is one."""
    try:
        recipe = load(path)
    except RecipeError as error:
        told = " ".join(filter(None, (str(error), error.hint)))
        return Checked(path=path, repo="", ranges=0, versions=(), problems=(told,))
    versions = _versions(recipe, mirror) if mirror else ()
    return Checked(
        path=path,
        repo=recipe.repo,
        ranges=len(recipe.env),
        versions=versions,
        problems=tuple(_problems(recipe, path, versions)),
    )


def _versions(recipe: Recipe, path: Path) -> tuple[str, ...]:
    with open_mirror(path) as mirror:
        return tuple(sorted(version_names(recipe, mirror).versions(), key=Version))


def _problems(recipe: Recipe, path: Path, versions: tuple[str, ...]) -> Iterator[str]:
    if path.name.lower() != file_name(recipe.repo).lower():
        yield f"the file is of {recipe.repo}, so it must be called {file_name(recipe.repo)}"
    for span in faults(recipe, versions):
        yield f"{'overlap' if span.ranges else 'gap'} at {span}"
    for env in recipe.env:
        yield from (f"{_where(env)}: {problem}" for problem in _of_range(env))


def _of_range(env: EnvRecipe) -> Iterator[str]:
    if env.python and env.python not in RELEASES:
        yield f"there is no Python {env.python}"
    for line in env.requirements.extra:
        try:
            parse(line.removeprefix("-c "))
        except Unusable as error:
            yield f"requirements.extra: {error}"
    for command in env.install:
        if EDITABLE in command and command != EDITABLE:
            yield f"install: {EDITABLE} must stand alone, not in {command!r}"


def _where(env: EnvRecipe) -> str:
    return f"range {env.versions!r}" if env.versions else "the range of all versions"
