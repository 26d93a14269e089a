"""Observations at one commit: how the repository declares and runs its tests."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from posixpath import join, normpath

from curate.builders.git.tree import FileTree, GitTree
from curate.builders.requirements import (
    ProjectMetadata,
    read_projects,
    unite_projects,
)
from curate.builders.requirements.checkout_projects import MAX_PROJECTS, ROOT, find_project_folders
from curate.builders.requirements.text import decode_text
from curate.patches.file_kinds import FileClassifier
from curate.recipe_tools.draft.build_tools import find_build_tools, find_rebuilt
from curate.recipe_tools.draft.ci_config import find_ci_jobs
from curate.recipe_tools.draft.conda_files import choose_environments
from curate.recipe_tools.draft.job import CIJob, merge
from curate.recipe_tools.draft.pytest_config import NAMES, read_pytest_settings
from curate.recipe_tools.draft.runner_jobs import find_runner_jobs
from curate.recipe_tools.draft.sources import find_sources, list_declared_names

_VERSION_FILES = ("__init__.py", "__version__.py", "version.py", "_version.py", "__about__.py")
VERSION_PATTERN = r"""__version__ *= *['"](\d+\.\d+)"""

_NO_PACKAGES = re.compile(r"tests?|testing|docs?|examples?|bench\w*|scripts?|tools?|ci|utils")

# Names of test modules of unittest's and Django's discovery that are not pytest's.
_UNITTEST_NAMES = ("tests.py", "test[A-Z]*.py", "*_tests.py", "*_unittest.py", "unittest_*.py")
_DJANGO_SCRIPTS = re.compile(r"(?:^|/)(?:manage|runtests|run_tests|quicktest)\.py$")
_SETTINGS_MODULE = re.compile(r"""DJANGO_SETTINGS_MODULE["']\]?\s*[,=]\s*["']([\w.]+)["']""")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was found at one commit."""

    commit: str
    date: datetime
    version: str  # from the nearest tag; "" without one
    project: ProjectMetadata  # of all `projects` together
    projects: tuple[str, ...]  # folders to be installed; "." = the root, () = nothing can be
    folders: frozenset[str] = frozenset({"."})  # that have a project
    jobs: tuple[CIJob, ...]  # those that run tests
    sources: Mapping[str, Mapping[str, str]]  # "files" | "extras" | "groups" -> name -> origin
    known: Mapping[str, frozenset[str]]  # "files" | "extras" | "groups" -> names that exist
    declared_names: frozenset[str]  # distributions required by these sources
    packages: frozenset[str]  # importable top-level packages and modules
    declared_versions: Mapping[str, str]  # file -> its `__version__`
    pytest: Mapping[str, Sequence[str]]  # pytest's options, split into words
    test_files: frozenset[str] = frozenset()  # patterns of names of test modules that it has
    django_settings: str = ""  # module that manage.py names
    compiled_by: str  # file that shows that the project is compiled; "" for pure Python
    submodules: bool
    build_tools: Mapping[str, str] = field(default_factory=dict)  # Debian package -> reason
    rebuilt: Mapping[str, str] = field(default_factory=dict)  # folder -> what builds it


def observe_commit(tree: GitTree, date: datetime, version: str) -> Observation:
    """Observe the commit of *tree*, with the given commit *date* and *version*."""
    jobs = _choose_jobs([*find_ci_jobs(tree), *find_runner_jobs(tree)])
    paths = frozenset(tree.paths)
    folders = find_project_folders(tree, paths)
    projects = choose_projects(folders, jobs)
    project = unite_projects(read_projects(tree, projects))
    sources, known = find_sources(project, jobs, paths, projects)
    sources["files"] = choose_environments(tree, sources["files"])
    roots = _package_roots(projects)
    packages = frozenset(filter(None, (_importable_package(it, roots) for it in paths)))
    return Observation(
        commit=tree.commit,
        date=date,
        version=version,
        project=project,
        projects=projects,
        folders=frozenset(folders),
        jobs=jobs,
        sources=sources,
        known=known,
        declared_names=list_declared_names(tree, sources, projects),
        packages=packages,
        declared_versions=_declared_versions(tree, packages, paths, roots),
        pytest=_read_pytest_settings(tree, projects),
        test_files=frozenset(filter(None, map(_match_test_name, paths))),
        django_settings=_find_django_settings(tree, paths),
        compiled_by=_find_compiled_marker(tree, paths),
        submodules=".gitmodules" in paths,
        build_tools=find_build_tools(tree, paths, projects),
        rebuilt=find_rebuilt(tree, projects),
    )


def _choose_jobs(jobs: Sequence[CIJob]) -> tuple[CIJob, ...]:
    """Return the jobs for tests; if their names speak against all, those that run any."""
    chosen = tuple(job for job in jobs if job.is_for_tests)
    if any(job.findings.runners for job in chosen):
        return chosen
    return tuple(job for job in jobs if job.findings.runs_tests)


def choose_projects(folders: Sequence[str], jobs: Sequence[CIJob]) -> tuple[str, ...]:
    """Choose what to install of *folders* that have a project; () if nothing can be.

    Beside a project in the root, those that most test jobs install; without one, those that any
    test job installs, else all.
    """
    direct = [job for job in jobs if job.findings.runners]
    counts = Counter(it for job in direct for it in job.findings.projects if it in folders)
    if ROOT in folders:
        more = [it for it in counts if it != ROOT and counts[it] > len(direct) / 2]
        return (ROOT, *more)
    named = [it for job in jobs for it in job.findings.projects if it in folders]
    return tuple(dict.fromkeys(named)) or tuple(folders[:MAX_PROJECTS])


def _read_pytest_settings(tree: GitTree, projects: Sequence[str]) -> dict[str, list[str]]:
    """Read pytest's options in the root and in the folders of the projects, paths from the root."""
    found: dict[str, list[str]] = {name: [] for name in NAMES}
    for folder in dict.fromkeys(("", *(it for it in projects if it != ROOT))):
        settings = read_pytest_settings(tree, folder)
        for name in NAMES:
            values = settings[name]
            if name == "testpaths":
                values = [normpath(join(folder, value)) for value in values]
            found[name] += [value for value in values if value not in found[name]]
    return found


def _match_test_name(path: str) -> str:
    """Return a pattern for a name that modules of unittest and Django suites have; "" if none."""
    folder, _, name = path.rpartition("/")
    if FileClassifier().is_test(path) or not folder:
        return ""
    return next((it for it in _UNITTEST_NAMES if fnmatchcase(name, it)), "")


def _find_django_settings(tree: GitTree, paths: frozenset[str]) -> str:
    for path in sorted(it for it in paths if _DJANGO_SCRIPTS.search(it)):
        found = _SETTINGS_MODULE.search(decode_text(tree.read(path) or b""))
        if found:
            return found[1]
    return ""


def _package_roots(projects: Sequence[str]) -> tuple[str, ...]:
    """Return the folders in which packages of *projects* are, longest first."""
    folders = ["" if it == ROOT else f"{it}/" for it in projects] or [""]
    roots = {f"{folder}{below}" for folder in folders for below in ("", "src/", "lib/")}
    return tuple(sorted(roots, key=lambda it: (-len(it), it)))


def _importable_package(path: str, roots: Sequence[str]) -> str:
    """Return the top-level package or module that *path* below *roots* makes importable, or ""."""
    root = next((it for it in roots if path.startswith(it)), None)
    if root is None:
        return ""
    parts = path[len(root) :].split("/")
    if len(parts) == 2 and parts[1] == "__init__.py":
        name = parts[0]
    elif len(parts) == 1 and parts[0].endswith(".py"):
        name = parts[0].removesuffix(".py")
    else:
        return ""
    return name if name.isidentifier() and not _NO_PACKAGES.fullmatch(name) else ""


def _declared_versions(
    tree: FileTree, packages: frozenset[str], paths: frozenset[str], roots: Sequence[str]
) -> dict[str, str]:
    """Find files with `__version__ = "1.2…"`, and that version."""
    folders = [f"{root}{name}" for root in roots for name in packages]
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
