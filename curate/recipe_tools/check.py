"""Whether a recipe can be used: its keys, its ranges against a mirror, what its values mean."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from builders.git.tree import GitTree
from builders.images.install_script import EDITABLE
from builders.python.choose import RELEASES
from builders.requirements import Manifest, Sources, read_manifest
from builders.requirements.requirement_line import Unusable, parse
from curate.core.sampling import spread
from curate.environments.plan import version_names
from curate.git.mirror import default_branch, open_mirror
from recipes import EnvRecipe, Recipe, RecipeError, faults, file_name, load


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found of one recipe file; without problems it is good."""

    path: Path
    repo: str  # "" where the file cannot be read
    ranges: int
    versions: tuple[str, ...]  # of the mirror, ascending; () without a mirror
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what may be meant so


def checked(path: Path, mirror: Path | None, *, commits: int = 0) -> Checked:
    """Check the recipe in *path*, its ranges against every version of *mirror* if there is one.

    What the recipe names is looked for at so many *commits* of the default branch, spread evenly.
    """
    try:
        recipe = load(path)
    except RecipeError as error:
        told = " ".join(filter(None, (str(error), error.hint)))
        return Checked(path=path, repo="", ranges=0, versions=(), problems=(told,))
    versions = _versions(recipe, mirror) if mirror else ()
    notes = tuple(_never_there(recipe, mirror, commits)) if mirror and commits else ()
    return Checked(
        path=path,
        repo=recipe.repo,
        ranges=len(recipe.env),
        versions=versions,
        problems=tuple(_problems(recipe, path, versions)),
        notes=notes,
    )


def _versions(recipe: Recipe, path: Path) -> tuple[str, ...]:
    with open_mirror(path) as mirror:
        return tuple(sorted(version_names(recipe, mirror).versions(), key=Version))


def _never_there(recipe: Recipe, path: Path, count: int) -> Iterator[str]:
    """Files, extras and groups that are at none of *count* commits whose range names them."""
    asked: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    with open_mirror(path) as mirror:
        version = version_names(recipe, mirror)
        for commit in spread(default_branch(mirror), count):
            ranges = recipe.ranges_of(version(commit))
            if len(ranges) != 1 or ranges[0].skip:
                continue
            with GitTree(mirror.path, commit) as tree:
                manifest = read_manifest(tree, Sources(**ranges[0].requirements.model_dump()))
            if isinstance(manifest, Manifest):
                asked.update(_named(ranges[0]))
                lacking.update(manifest.absent)
    for name in asked:
        if lacking[name] == asked[name]:
            yield f"{name} is at none of {asked[name]} commits"


def _named(env: EnvRecipe) -> Iterator[str]:
    """What `Manifest.absent` may hold of *env*."""
    sources = env.requirements
    yield from (f"file {name}" for name in sources.files)
    yield from (f"extra {canonicalize_name(name)}" for name in sources.extras)
    yield from (f"group {name}" for name in sources.groups)


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
