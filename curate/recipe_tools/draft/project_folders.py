"""The folders of a checkout that hold an installable project."""

import re
import tomllib
from collections.abc import Iterable
from posixpath import dirname, join

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

ROOT = "."
MAX_DEPTH = 3  # of folders below the root
MAX_PROJECTS = 12  # that are installed where CI does not say which
_METADATA = ("setup.py", "pyproject.toml", "setup.cfg")
# Folders whose projects are material of tests, documentation or tools.
_NO_PROJECT = re.compile(
    r"(?:^|/)(?:tests?|testing|test[-_]?data|docs?|examples?|samples?|demos?|fixtures?|templates?|vendor"
    r"|vendored|third[_-]?party|external|extern|bench\w*|tools?|scripts?|ci|build|dist|\..*|_.*"
    r"|node_modules|cookiecutter.*|website|tutorials?)(?:/|$)|[{}]",
    re.IGNORECASE,
)


def find_project_folders(tree: FileTree, paths: Iterable[str]) -> tuple[str, ...]:
    """Return every folder with metadata from which a project can be installed, sorted by depth.

    The root is "."; it comes first if it is among them.
    """
    folders = {
        dirname(path)
        for path in paths
        if path.rpartition("/")[2] in _METADATA and path.count("/") <= MAX_DEPTH
    }
    usable = [it for it in folders if not _NO_PROJECT.search(it) and has_project(tree, it)]
    ordered = sorted(usable, key=lambda it: (it.count("/") + bool(it), it))
    return tuple(it or ROOT for it in ordered)


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
