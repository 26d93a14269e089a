"""The folders of a checkout that hold an installable project."""

import re
import tomllib
from collections.abc import Iterable
from posixpath import dirname, join

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

ROOT = "."
MAX_DEPTH = 3  # of folders below the root
MAX_PROJECTS = 12  # that are installed where nothing says which
_METADATA = ("setup.py", "pyproject.toml", "setup.cfg")
# Folders whose projects are material of tests or of others, and never installed.
_FOREIGN = re.compile(
    r"(?:^|/)(?:(?:test[-_]?)?data|fixtures?|templates?|vendor|vendored|third[_-]?party|external|extern"
    r"|build|dist|\..*|_.*|node_modules|cookiecutter.*)(?:/|$)|[{}]",
    re.IGNORECASE,
)
# Folders whose projects are for tests, documentation or development, and installed on request.
_AUXILIARY = re.compile(
    r"(?:^|/)(?:tests?|testing|docs?|examples?|samples?|demos?|bench\w*|tools?|scripts?|ci|website"
    r"|tutorials?)(?:/|$)",
    re.IGNORECASE,
)


def find_all_projects(tree: FileTree, paths: Iterable[str]) -> tuple[str, ...]:
    """Return every folder with metadata from which a project can be installed, sorted by depth.

    The root is "."; it comes first if it is among them. Material of tests, and what comes from
    others, is left out.
    """
    folders = {
        dirname(path)
        for path in paths
        if path.rpartition("/")[2] in _METADATA and path.count("/") <= MAX_DEPTH
    }
    usable = [it for it in folders if not _FOREIGN.search(it) and has_project(tree, it)]
    ordered = sorted(usable, key=lambda it: (it.count("/") + bool(it), it))
    return tuple(it or ROOT for it in ordered)


def find_project_folders(tree: FileTree, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of `find_all_projects` but those for tests, documents or development."""
    return tuple(it for it in find_all_projects(tree, paths) if not _AUXILIARY.search(it))


def is_auxiliary(folder: str) -> bool:
    """Whether the project in *folder* is for tests, documentation or development."""
    return bool(_AUXILIARY.search(folder))


def find_home(path: str, folders: Iterable[str]) -> str:
    """Return the innermost of *folders* that has the file *path*; "" if none has it."""
    homes = [it for it in folders if it == ROOT or path.startswith(f"{it}/")]
    return max(homes, key=lambda it: 0 if it == ROOT else len(it), default="")


def has_project(tree: FileTree, folder: str) -> bool:
    """Whether *folder* has a setup.py, or metadata of a project in a configuration file."""
    folder = "" if folder == ROOT else folder
    if tree.read(join(folder, "setup.py")) is not None:
        return True
    content = tree.read(join(folder, "pyproject.toml"))
    if content is not None:
        try:
            data = tomllib.loads(decode_text(content))
        except tomllib.TOMLDecodeError:
            data = {}
        tool = data.get("tool", {})
        flit = tool.get("flit", {})
        if "project" in data or "build-system" in data or "metadata" in flit:
            return tool.get("uv", {}).get("package") is not False
        if "poetry" in tool:
            return tool["poetry"].get("package-mode", True) is not False
    return b"[metadata]" in (tree.read(join(folder, "setup.cfg")) or b"") and content is not None
