"""What a recipe says, in the form that other packages take it."""

from curate.builders.model import ResourceLimits
from curate.git.declared import FileVersionResolver
from curate.git.mirror import Mirror
from curate.git.versions import TagVersionResolver, VersionResolver
from curate.patches.file_kinds import FileClassifier
from curate.recipes import EnvRecipe, Recipe


def make_classifier(recipe: Recipe) -> FileClassifier:
    """Return the file classifier for the repository of *recipe*."""
    return FileClassifier(tests=recipe.paths.tests, sources=recipe.paths.source)


def list_protected_globs(recipe: Recipe) -> tuple[str, ...]:
    """Return the globs of files that a graded patch must not change, beyond the general ones.

    "!glob" stands for files that the recipe calls source.
    """
    paths = recipe.paths
    return (*paths.tests, *(f"!{glob}" for glob in paths.source), *paths.protected)


def make_version_resolver(recipe: Recipe, mirror: Mirror) -> VersionResolver:
    """Return the version resolver for the repository of *recipe*."""
    rule = recipe.version
    if rule.rule == "file":
        return FileVersionResolver(mirror, rule.file, rule.pattern)
    return TagVersionResolver(mirror)


def resource_limits(env: EnvRecipe) -> ResourceLimits:
    """Convert the limits of a recipe to bytes, for the sandbox."""
    limits = env.limits
    return ResourceLimits(
        seconds=limits.seconds,
        test_seconds=limits.test_seconds,
        memory_bytes=int(limits.memory_gib * 2**30),
        tmp_bytes=int(limits.tmp_gib * 2**30),
        shm_bytes=limits.shm_mib * 2**20,
        cpus=limits.cpus,
        pids=limits.pids,
    )
