"""pytest's configuration at a commit: which files it takes for tests."""

import configparser
import shlex
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

# In pytest's order; the first that has its section is the only one that pytest reads.
_INI_FILES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pytest.toml", ()),
    (".pytest.toml", ()),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ()),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest", "pytest")),
)


DOCTEST_GLOB = "--doctest-glob"


class PytestFiles:
    """Which files below each folder of *tree* pytest takes for test modules or doctests.

    As in pytest, the nearest configuration counts, from a file's folder upwards.
    """

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._tables: dict[str, Mapping[str, Any]] = {}

    def is_test_module(self, path: str) -> bool:
        """Whether `python_files` of the configuration matches *path*."""
        if not path.endswith(".py"):
            return False
        globs = split_ini_words(self._get(path, "python_files"))
        if path.endswith("__init__.py"):  # "*.py" matches it, but means others
            globs = [glob for glob in globs if glob.endswith("__init__.py")]
        return any(_matches(path, glob) for glob in globs)

    def is_doctest_file(self, path: str) -> bool:
        """Whether an option of `addopts` makes pytest collect *path* as text with doctests."""
        words = split_ini_words(self._get(path, "addopts"))
        globs = [it.partition("=")[2] for it in words if it.startswith("--doctest-glob=")]
        globs += [glob for it, glob in pairwise(words) if it == DOCTEST_GLOB]
        globs += ["*.rst"] if "--doctest-rst" in words else []  # pytest-doctestplus
        return any(_matches(path, glob) for glob in globs)

    def _get(self, path: str, name: str) -> Any:
        return self._find_table(path.rpartition("/")[0]).get(name, "")

    def _find_table(self, folder: str) -> Mapping[str, Any]:
        if folder not in self._tables:
            table = read_ini_table(self._tree, folder)
            if table is None:
                table = self._find_table(folder.rpartition("/")[0]) if folder else {}
            self._tables[folder] = table
        return self._tables[folder]


def read_ini_table(tree: FileTree, folder: str = "") -> Mapping[str, Any] | None:
    """Return the options of the configuration file that pytest reads in *folder*, if any."""
    prefix = f"{folder}/" if folder else ""
    for name, sections in _INI_FILES:
        content = tree.read(prefix + name)
        if content is None:
            continue
        text = decode_text(content)
        found = _read_sections(text, sections) if sections else _read_toml(text, name)
        if found is None and name in ("pytest.ini", ".pytest.ini"):
            return {}  # counts even without the section
        if found is not None:
            return found
    return None


def split_ini_words(value: Any) -> list[str]:
    """Split an option of several words, which TOML may give as a list."""
    if isinstance(value, list):
        return [str(item) for item in value]
    try:
        return shlex.split(str(value), comments=True)
    except ValueError:
        return str(value).split()


def _read_sections(text: str, sections: tuple[str, ...]) -> Mapping[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return next((dict(parser[it]) for it in sections if parser.has_section(it)), None)


def _read_toml(text: str, name: str) -> Mapping[str, Any] | None:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    tool = content.get("tool", {}) if name == "pyproject.toml" else content
    table = tool.get("pytest") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        return None
    if "ini_options" in table:
        options = table["ini_options"]
        return options if isinstance(options, dict) else None
    has_options = any(not isinstance(value, dict) for value in table.values())
    return table if has_options else None  # pytest reads this table itself since version 9


def _matches(path: str, glob: str) -> bool:
    """Match as pytest does: globs without a slash match the name, others the end of the path."""
    if "/" in glob:
        return fnmatchcase(f"/{path}", f"*/{glob.removeprefix('./')}")
    return fnmatchcase(path.rpartition("/")[2], glob)
