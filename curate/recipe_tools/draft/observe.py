"""Observations at one commit: how the repository declares and runs its tests."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from curate.builders.git.tree import FileTree, GitTree
from curate.builders.model import Failure
from curate.builders.requirements import ProjectMetadata, read_manifest, read_project
from curate.recipe_tools.draft.ci_config import find_ci_jobs
from curate.recipe_tools.draft.job import CIJob, merge
from curate.recipe_tools.draft.pytest_config import read_pytest_settings
from curate.recipe_tools.draft.runner_jobs import find_runner_jobs
from curate.recipes.schema import RequirementSources

_VERSION_FILES = ("__init__.py", "__version__.py", "version.py", "_version.py", "__about__.py")
VERSION_PATTERN = r"""__version__ *= *['"](\d+\.\d+)"""

# Usual names of test requirement files and extras, for projects whose CI names none.
_FILE = re.compile(
    r"(?:requirements/|tests?/|testing/)?"
    r"(?:(?:dev|tests?|testing|ci)[-_]?requirements|requirements[-_.]?(?:dev|tests?|testing|ci)"
    r"|(?<=/)(?:requirements|dev|tests?|testing))\.(?:txt|in|pip)"
)
# Usual names of dependency files, for projects whose metadata declare no dependencies.
_DEPENDENCIES = re.compile(
    r"Pipfile|(?:\w+/)?requirements\.txt|requirements/(?:base|main|core|install|prod|common)\.(?:txt|in)"
)
_SUFFIXES = (".txt", ".in", ".pip", ".yml", ".yaml")  # that `curate.builders.requirements` reads
_NAMES = ("test", "tests", "testing", "dev", "develop", "development")
_NOT_TESTS = re.compile(
    r"(?:^|[-_/.])(?:docs?|lint\w*|mypy|pyright|typing|types|style|format\w*|bench\w*|release"
    r"|publish|deploy|build|pre-?commit|sphinx|cov|coverage|codecov|typecheck\w*|min|minimum"
    r"|oldest|lowest|nightly|upstream|memray|codspeed|py2\d?|pypy\d?|windows|macos|osx)(?:[-_/.]|$)"
)
_NO_PACKAGES = re.compile(r"tests?|testing|docs?|examples?|bench\w*|scripts?|tools?|ci|utils")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was found at one commit."""

    commit: str
    date: datetime
    version: str  # from the nearest tag; "" without one
    project: ProjectMetadata
    jobs: tuple[CIJob, ...]  # those that run tests
    sources: Mapping[str, Mapping[str, str]]  # "files" | "extras" | "groups" -> name -> origin
    declared_names: frozenset[str]  # distributions required by these sources
    packages: frozenset[str]  # importable top-level packages and modules
    declared_versions: Mapping[str, str]  # file -> its `__version__`
    pytest: Mapping[str, Sequence[str]]  # pytest's options, split into words
    compiled_by: str  # file that shows that the project is compiled; "" for pure Python
    submodules: bool


def observe_commit(tree: GitTree, date: datetime, version: str) -> Observation:
    """Observe the commit of *tree*, with the given commit *date* and *version*."""
    project = read_project(tree)
    jobs = tuple(
        job for job in (*find_ci_jobs(tree), *find_runner_jobs(tree)) if job.findings.runs_tests
    )
    paths = frozenset(tree.paths)
    sources = _find_sources(project, jobs, paths)
    packages = frozenset(filter(None, map(_importable_package, paths)))
    return Observation(
        commit=tree.commit,
        date=date,
        version=version,
        project=project,
        jobs=jobs,
        sources=sources,
        declared_names=_declared_requirements(tree, sources),
        packages=packages,
        declared_versions=_declared_versions(tree, packages, paths),
        pytest=read_pytest_settings(tree),
        compiled_by=_find_compiled_marker(tree, paths),
        submodules=".gitmodules" in paths,
    )


def _find_sources(
    project: ProjectMetadata, jobs: Sequence[CIJob], paths: frozenset[str]
) -> dict[str, dict[str, str]]:
    """Find the requirement sources used for tests, and the file that names each."""
    known: dict[str, Mapping[str, str]] = {
        "files": {path: path for path in paths if _may_declare(path)},
        "extras": {canonicalize_name(name): name for name in project.extras or {}},
        "groups": {canonicalize_name(name): name for name in project.groups},
    }
    found: dict[str, dict[str, str]] = {kind: {} for kind in known}
    for job in jobs:
        for kind, names in known.items():
            for mentioned in getattr(job.findings, kind):
                name = (
                    _match_path(mentioned, paths if "*" not in mentioned else names)
                    if kind == "files"
                    else names.get(_normalize_name(mentioned))
                )
                if name and not _NOT_TESTS.search(name):
                    found[kind].setdefault(name, job.origin)
    if not any(found.values()):
        found = _conventional_sources(known)
    if not project.dependencies:
        files = [path for path in paths if _DEPENDENCIES.fullmatch(path)]
        usual = [path for path in files if not path.startswith(("doc", "test", "example"))]
        found["files"] |= dict.fromkeys(sorted(usual), "metadata declare no dependencies")
    return found


def _may_declare(path: str) -> bool:
    return path.endswith(_SUFFIXES) or path.rpartition("/")[2] == "Pipfile"


def _match_path(path_or_glob: str, paths: Iterable[str]) -> str:
    """Return *path_or_glob* if it matches a file, else ""; CI variables were replaced by `*`."""
    if "*" not in path_or_glob:
        return path_or_glob if path_or_glob in paths else ""
    return path_or_glob if any(fnmatchcase(path, path_or_glob) for path in paths) else ""


def _normalize_name(text: str) -> str:
    return str(canonicalize_name(text))


def _conventional_sources(known: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Find sources whose names are usual for test requirements."""
    files = [path for path in known["files"] if _FILE.fullmatch(path)]
    found = {"files": sorted(files)}
    for kind, names in (("extras", (*_NAMES, "all")), ("groups", _NAMES)):
        found[kind] = [known[kind][name] for name in names if name in known[kind]]
    return {kind: dict.fromkeys(names, "by name") for kind, names in found.items()}


def _declared_requirements(
    tree: FileTree, sources: Mapping[str, Mapping[str, str]]
) -> frozenset[str]:
    files, extras, groups = (tuple(sources[kind]) for kind in ("files", "extras", "groups"))
    manifest = read_manifest(tree, RequirementSources(files=files, extras=extras, groups=groups))
    if isinstance(manifest, Failure):
        return frozenset()
    return frozenset(item.name for item in manifest.requirements)


def _importable_package(path: str) -> str:
    """Return the top-level package or module that *path* makes importable; "" if none."""
    parts = path.removeprefix("src/").removeprefix("lib/").split("/")
    if len(parts) == 2 and parts[1] == "__init__.py":
        name = parts[0]
    elif len(parts) == 1 and parts[0].endswith(".py"):
        name = parts[0].removesuffix(".py")
    else:
        return ""
    return name if name.isidentifier() and not _NO_PACKAGES.fullmatch(name) else ""


def _declared_versions(
    tree: FileTree, packages: frozenset[str], paths: frozenset[str]
) -> dict[str, str]:
    """Find files with `__version__ = "1.2…"`, and that version."""
    folders = [f"{root}{name}" for root in ("", "src/") for name in packages]
    version_files = [f"{folder}/{file}" for folder in folders for file in _VERSION_FILES]
    pattern = re.compile(VERSION_PATTERN.encode())
    modules = [f"{folder}.py" for folder in folders]
    existing = [path for path in (*version_files, *modules) if path in paths]
    found = {path: pattern.search(tree.read(path) or b"") for path in existing}
    return {path: match[1].decode() for path, match in found.items() if match}


def _find_compiled_marker(tree: FileTree, paths: frozenset[str]) -> str:
    """Return a file that shows that installing the project compiles code; "" if none."""
    for name in ("Cargo.toml", "meson.build", "CMakeLists.txt"):
        if name in paths:
            return name
    return "setup.py" if b"ext_modules" in (tree.read("setup.py") or b"") else ""


def list_runners(observations: Sequence[Observation]) -> set[str]:
    """Return the test runners used at any of *observations*."""
    return {kind for it in observations for kind in merge(it.jobs).runners}
