"""Several projects in one repository: which of them the tests of a candidate need.

The root, if it has a project, those that the tests are in, and what these require of the
repository itself. Others are not installed: what they pin may contradict each other.
"""

import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from posixpath import normpath

from packaging.utils import canonicalize_name

from curate.builders.git.tree import GitTree
from curate.builders.images.install_script import EDITABLE
from curate.builders.model import Failure
from curate.builders.requirements import read_manifest
from curate.builders.requirements.checkout_projects import (
    MAX_PROJECTS,
    ROOT,
    find_all_projects,
    find_home,
    is_auxiliary,
)
from curate.builders.requirements.project_folders import SubfolderTree, read_project
from curate.recipes import EnvRecipe
from curate.recipes.schema import RequirementSources

# Usual names of the test requirements of one project, from its folder.
_TEST_REQUIREMENTS = re.compile(
    r"(?:requirements/)?(?:(?:dev|tests?|testing)[-_]?requirements|requirements[-_.]?(?:dev|tests?|testing)"
    r"|(?<=/)(?:dev|tests?|testing))\.(?:txt|in|pip)"
)
_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
_MAX_NAMES = 4_096  # projects whose names are kept; neighbouring commits share nearly all

_names: dict[tuple[str | None, ...], str] = {}
_names_lock = threading.Lock()


def find_sources(tree: GitTree, env: EnvRecipe, test_files: Iterable[str]) -> RequirementSources:
    """Return the sources of *env* with the projects of *tree* that *test_files* need.

    They are as in the recipe where the root has the only project, or the recipe has install
    commands of its own. Without a project in the root, tests outside of all projects need all.
    """
    stated = env.requirements
    if set(env.install) - {EDITABLE}:
        return stated
    folders = find_all_projects(tree, tree.paths)
    if not set(folders) - {ROOT, *stated.projects}:
        return stated
    homes = [find_home(path, folders) for path in test_files]
    seeds = stated.projects or tuple(it for it in folders if it == ROOT)
    chosen = tuple(dict.fromkeys((*seeds, *filter(None, homes))))
    if not chosen:
        chosen = tuple(it for it in folders if not is_auxiliary(it))[:MAX_PROJECTS]
    return _close(tree, stated, chosen, folders)


def _close(
    tree: GitTree, stated: RequirementSources, chosen: Sequence[str], folders: Sequence[str]
) -> RequirementSources:
    """Return *stated* with *chosen*, and all of *folders* that these require, directly or not."""
    own = _OwnProjects(tree, folders)
    while True:
        sources = (
            stated if chosen in ((), (ROOT,)) else _choose_files(tree, stated, chosen, folders)
        )
        manifest = read_manifest(tree, sources)
        if isinstance(manifest, Failure):
            return sources
        required = (own.find(item.name) for item in manifest.requirements)
        wanted = (*filter(None, required), *map(normpath, manifest.folders))
        more = [it for it in dict.fromkeys(wanted) if it not in (chosen or (ROOT,))]
        if not more:
            return sources
        chosen = (*(chosen or (ROOT,)), *more)


def _choose_files(
    tree: GitTree, stated: RequirementSources, chosen: Sequence[str], folders: Collection[str]
) -> RequirementSources:
    """Return *stated* for *chosen*: requirement files of other projects are not read."""
    named = stated.files
    if not stated.projects:
        named = tuple(it for it in named if find_home(it, folders) in ("", ROOT, *chosen))
    usual = (path for folder in chosen for path in _list_test_requirements(tree, folder))
    files = tuple(dict.fromkeys((*named, *usual)))
    return stated.model_copy(update={"projects": tuple(chosen), "files": files})


def _list_test_requirements(tree: GitTree, folder: str) -> Iterator[str]:
    """Yield the files with usual names for test requirements in *folder*, not in the root."""
    if folder == ROOT:
        return
    for below in ("", "requirements/"):
        names = tree.list_names(f"{folder}/{below}".rstrip("/"))
        paths = (f"{folder}/{below}{name}" for name in names)
        yield from (it for it in paths if _TEST_REQUIREMENTS.fullmatch(it, len(folder) + 1))


class _OwnProjects:
    """The projects of one commit by their names, which are read when one is looked for."""

    def __init__(self, tree: GitTree, folders: Sequence[str]) -> None:
        self._tree, self._folders = tree, folders
        self._known: Mapping[str, str] | None = None

    def find(self, name: str) -> str:
        """Return the folder of the project with the normalized *name*; "" if it is none."""
        if self._known is None:
            named = [(_read_name(self._tree, it), it) for it in reversed(self._folders)]
            self._known = {own: folder for own, folder in named if own}
        return self._known.get(name, "")


def _read_name(tree: GitTree, folder: str) -> str:
    """Return the normalized name of the project in *folder*; "" if it cannot be read."""
    prefix = "" if folder == ROOT else f"{folder}/"
    key = tuple(tree.object_id(f"{prefix}{name}") for name in _METADATA)
    with _names_lock:
        known = _names.get(key)
    if known is None:
        name = read_project(tree if folder == ROOT else SubfolderTree(tree, folder)).name
        known = canonicalize_name(name) if name else ""
        with _names_lock:
            if len(_names) >= _MAX_NAMES:
                _names.clear()
            _names[key] = known
    return known
