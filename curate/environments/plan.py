"""What is decided about a candidate before anything is locked or built."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builders.git.run import output
from builders.git.tree import GitTree
from builders.model import Failure, Limits
from builders.python.choose import Choice, choose_python
from builders.requirements import Manifest, Sources, read_manifest
from builders.rfc3339 import parse_rfc3339
from curate.core.model import Candidate, Rejection
from curate.environments.test_selection import Selection, select
from curate.git.declared import DeclaredVersion
from curate.git.mirror import Mirror
from curate.git.versions import NearestTag, VersionNames
from curate.patches.file_kinds import PathRules
from recipes import EnvRecipe, Recipe, RecipeError, architecture


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Declared requirements to make an environment of, and the interpreter they ask for."""

    source: str  # "base", or "gold" for what is declared after the gold patch
    manifest: Manifest
    python: str  # "3.9"
    reason: str = ""  # why this interpreter
    date: datetime  # what the environment is made for


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is decided before anything is built."""

    candidate: Candidate
    recipe: Recipe
    env: EnvRecipe
    selection: Selection
    grounds: tuple[Ground, ...]  # at least one, in the order in which they are tried
    as_in_ci: bool = False  # whether tests get the variables of the project's CI, too

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables of the tests."""
        return self.env.environment | (self.env.ci if self.as_in_ci else {})


def make_plan(
    candidate: Candidate, recipe: Recipe, mirror: Path, pythons: Sequence[str]
) -> Plan | Rejection:
    """Decide environment range, tests, requirements and interpreter of *candidate*."""
    try:
        env = recipe.environment(candidate.version)
    except RecipeError as error:
        return Rejection(stage="recipe", reason="no-environment", detail=str(error))
    if env.skip:
        return Rejection(stage="recipe", reason="skipped", detail=env.skip)
    if env.architectures and this_architecture() not in env.architectures:
        detail = f"made for {', '.join(env.architectures)}, not for {this_architecture()}"
        return Rejection(stage="recipe", reason="architecture", detail=detail)
    with (
        GitTree(mirror, candidate.base_commit) as base,
        GitTree(mirror, candidate.head_commit) as head,
    ):
        selection = select(recipe, candidate.test_patch, before=base.read, after=head.read)
        sources = Sources(**env.requirements.model_dump())
        trees = {"base": base, "gold": head}
        manifests = {source: read_manifest(tree, sources) for source, tree in trees.items()}
    if not selection:
        return Rejection(stage="plan", reason="no-runnable-tests")
    grounds = _grounds(manifests, _dates(candidate, mirror), env, pythons)
    if isinstance(grounds, Failure):
        return rejection(grounds)
    return Plan(
        candidate=candidate,
        recipe=recipe,
        env=env,
        selection=selection,
        grounds=grounds,
    )


def this_architecture() -> str:
    """What recipes call the architecture of this machine."""
    return architecture(platform.machine())


def _grounds(
    manifests: Mapping[str, Manifest | Failure],
    dates: Mapping[str, datetime],
    env: EnvRecipe,
    pythons: Sequence[str],
) -> tuple[Ground, ...] | Failure:
    """What can be built upon: the base's requirements, then gold's where it changes them.

    Code that asks for a newer library may only work with that; but where the older one does, it
    comes first, for with the newer one tests fail before the fix that have nothing to do with it.
    """
    tried = [
        make_ground(source, manifests[source], date, env, pythons) for source, date in dates.items()
    ]
    grounds = [ground for ground in tried if isinstance(ground, Ground)]
    if not grounds:
        return next(failure for failure in tried if isinstance(failure, Failure))
    distinct: dict[tuple[str, str], Ground] = {}
    for ground in grounds:
        distinct.setdefault((ground.python, ground.manifest.key), ground)
    return tuple(distinct.values())


def make_ground(
    source: str,
    manifest: Manifest | Failure,
    date: datetime,
    env: EnvRecipe,
    pythons: Sequence[str],
) -> Ground | Failure:
    """*manifest* with the interpreter it gets at *date*."""
    if isinstance(manifest, Failure):
        return manifest
    python = _python(env, manifest, date, pythons)
    if isinstance(python, Failure):
        return python
    return Ground(
        source=source, manifest=manifest, python=python.python, reason=python.reason, date=date
    )


def _dates(candidate: Candidate, mirror: Path) -> Mapping[str, datetime]:
    """What environments are made for: the day the pull was opened, or a later one of its commits.

    The base may have been committed later, where the pull was rebased; gold's requirements are of
    the day of its last commit.
    """
    base = max(candidate.created_at, _committed(mirror, candidate.base_commit))
    return {"base": base, "gold": max(base, _committed(mirror, candidate.head_commit))}


def _committed(mirror: Path, commit: str) -> datetime:
    # Not `show -s`: of a merge it reads files, which a partial mirror may lack.
    text = output(mirror, "log", "-1", "--format=%cI", commit).decode().strip()
    return parse_rfc3339(text)


def _python(
    env: EnvRecipe, manifest: Manifest, date: datetime, pythons: Sequence[str]
) -> Choice | Failure:
    if env.python:
        return Choice(python=env.python, reason="the recipe says so")
    return choose_python(manifest, when=date, available=pythons)


def path_rules(recipe: Recipe) -> PathRules:
    """What is a test and what is source in the repository of *recipe*."""
    return PathRules(tests=recipe.paths.tests, sources=recipe.paths.source)


def version_names(recipe: Recipe, mirror: Mirror) -> VersionNames:
    """What names the version of a commit in the repository of *recipe*."""
    rule = recipe.version
    if rule.rule == "file":
        return DeclaredVersion(mirror, rule.file, rule.pattern)
    return NearestTag(mirror)


def limits(env: EnvRecipe) -> Limits:
    """A recipe's ceilings in the sandbox's units."""
    chosen = env.limits
    return Limits(
        seconds=chosen.seconds,
        memory_bytes=int(chosen.memory_gib * 2**30),
        tmp_bytes=int(chosen.tmp_gib * 2**30),
        shm_bytes=chosen.shm_mib * 2**20,
        cpus=chosen.cpus,
        pids=chosen.pids,
    )


def rejection(failure: Failure) -> Rejection:
    """A builder's failure as a reason to reject."""
    return Rejection(stage=failure.stage, reason=failure.reason, detail=failure.detail)
