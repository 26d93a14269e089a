"""The requirement files, extras and groups that tests use at one commit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from curate.builders.git.tree import FileTree
from curate.builders.model import Failure
from curate.builders.requirements import ProjectMetadata, read_manifest
from curate.builders.requirements.checkout_projects import ROOT
from curate.recipe_tools.draft.job import CIJob
from curate.recipes.schema import RequirementSources

# Usual names of test requirement files and extras, for projects whose CI names none.
_FILE = re.compile(
    r"(?:requirements/|tests?/|testing/|ci/|etc/|reqs/)?"
    r"(?:(?:dev|tests?|testing|ci)[-_]?requirements|requirements[-_.]?(?:dev|tests?|testing|ci)"
    r"|(?<=/)(?:requirements|dev|tests?|testing))"
    r"(?:\.(?:txt|in|pip|reqs?))?"
)
_CONDA_FILE = re.compile(r"(?:ci/)?environment(?:[-_](?:dev|tests?|ci))?\.ya?ml")
# Usual names of dependency files, for projects whose metadata declare no dependencies.
_DEPENDENCIES = re.compile(
    r"Pipfile|(?:\w+/)?requirements\.txt|requirements/(?:base|main|core|install|prod|common)\.(?:txt|in)"
)
_SUFFIXES = (".txt", ".in", ".pip", ".req", ".reqs", ".yml", ".yaml")
_NAMES = ("test", "tests", "testing", "dev", "develop", "development")
_NOT_TESTS = re.compile(
    r"(?:^|[-_/.])(?:docs?|lint\w*|mypy|pyright|typing|types|style|format\w*|bench\w*|release"
    r"|all-but[\w-]*|bare|downstream\w*|\w*min\w*deps|arm64|aarch64|ppc64le|s390x|publish|deploy|build|pre-?commit|sphinx|cov|coverage|codecov|typecheck\w*|min|minimum|minimal"
    r"|oldest|lowest|nightly|upstream|memray|codspeed|tox|nox|constraints?|py2\d?|pypy\d?|windows|macos|osx)(?:[-_/.]|$)"
)


def find_sources(
    project: ProjectMetadata,
    jobs: Sequence[CIJob],
    paths: frozenset[str],
    projects: Sequence[str],
) -> tuple[dict[str, dict[str, str]], dict[str, frozenset[str]]]:
    """Find the requirement sources used for tests, each with the file that names it; and all."""
    known: dict[str, Mapping[str, str]] = {
        "files": {path: path for path in paths if _may_declare(path)},
        "extras": {canonicalize_name(name): name for name in project.extras or {}},
        "groups": {canonicalize_name(name): name for name in project.groups},
    }
    found: dict[str, dict[str, str]] = {kind: {} for kind in known}
    for job in jobs:
        for kind, names in known.items():
            for mentioned in getattr(job.findings, kind):
                for name in _match_names(kind, mentioned, names, paths):
                    if not _NOT_TESTS.search(name):
                        found[kind].setdefault(name, job.origin)
    if not any(found.values()):
        found = _conventional_sources(known, projects)
    if not project.dependencies:
        files = [path for path in paths if _is_named_like(_DEPENDENCIES, path, projects)]
        usual = [path for path in files if not path.startswith(("doc", "test", "example"))]
        found["files"] |= dict.fromkeys(sorted(usual), "metadata declare no dependencies")
    return found, {kind: frozenset(names.values()) for kind, names in known.items()}


def _match_names(
    kind: str, mentioned: str, names: Mapping[str, str], paths: frozenset[str]
) -> list[str]:
    """Return the sources that a job means by *mentioned*."""
    if kind == "files":
        return list(filter(None, [_match_path(mentioned, names if "*" in mentioned else paths)]))
    if mentioned == "*":
        return list(names.values())
    name = names.get(_normalize_name(mentioned))
    return [name] if name else []


def _is_named_like(pattern: re.Pattern[str], path: str, projects: Sequence[str]) -> bool:
    """Whether *pattern* matches the whole *path*, from the root or the folder of a project."""
    folders = ["", *(f"{it}/" for it in projects if it != ROOT)]
    return any(path.startswith(it) and pattern.fullmatch(path[len(it) :]) for it in folders)


def _may_declare(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.endswith(_SUFFIXES) or name == "Pipfile" or "requirements" in name


def _match_path(path_or_glob: str, paths: Iterable[str]) -> str:
    """Return *path_or_glob* if it matches a file, else ""; CI variables were replaced by `*`."""
    if "*" not in path_or_glob:
        return path_or_glob if path_or_glob in paths else ""
    return path_or_glob if any(fnmatchcase(path, path_or_glob) for path in paths) else ""


def _normalize_name(text: str) -> str:
    return str(canonicalize_name(text))


def _conventional_sources(
    known: Mapping[str, Mapping[str, str]], projects: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Find sources whose names are usual for test requirements."""
    files = [path for path in known["files"] if _is_named_like(_FILE, path, projects)]
    files = files or [path for path in known["files"] if _CONDA_FILE.fullmatch(path)]
    found = {"files": sorted(files)}
    for kind, names in (("extras", (*_NAMES, "all")), ("groups", _NAMES)):
        found[kind] = [known[kind][name] for name in names if name in known[kind]]
    return {kind: dict.fromkeys(names, "by name") for kind, names in found.items()}


def list_declared_names(
    tree: FileTree, sources: Mapping[str, Mapping[str, str]], projects: tuple[str, ...]
) -> frozenset[str]:
    """Return the normalized names of the distributions that the *sources* require."""
    files, extras, groups = (tuple(sources[kind]) for kind in ("files", "extras", "groups"))
    manifest = read_manifest(
        tree,
        RequirementSources(files=files, extras=extras, groups=groups, projects=projects),
    )
    if isinstance(manifest, Failure):
        return frozenset()
    return frozenset(item.name for item in manifest.requirements)
