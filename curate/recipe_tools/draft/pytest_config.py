"""pytest's configuration in a repository."""

import configparser
import shlex
import tomllib
from collections.abc import Mapping
from posixpath import join
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

NAMES = ("addopts", "testpaths", "required_plugins", "python_files", "DJANGO_SETTINGS_MODULE")
_TOML_FILES = ("pytest.toml", ".pytest.toml")
# pytest's order; a file pytest.ini counts even without a section.
_INI_FILES = (("pytest.ini", "pytest"), (".pytest.ini", "pytest"))
_OTHER_FILES = (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"), ("setup.cfg", "pytest"))


def read_pytest_settings(tree: FileTree, folder: str = "") -> Mapping[str, list[str]]:
    """Read the options `NAMES` that pytest has in *folder*, split into words.

    Only the first configuration file that pytest would use is read.
    """
    table = _read_first_table(tree, folder)
    return {name: _split_words(table.get(name, "")) for name in NAMES}


def _read_first_table(tree: FileTree, folder: str) -> Mapping[str, Any]:
    for name in _TOML_FILES:
        table = _read_toml(tree, join(folder, name)).get("pytest")
        if isinstance(table, dict):
            return table
    for name, section in _INI_FILES:
        if tree.read(join(folder, name)) is not None:
            return _read_ini(tree, join(folder, name), section) or {}
    tool = _read_toml(tree, join(folder, "pyproject.toml")).get("tool", {})
    table = tool.get("pytest", {}) if isinstance(tool, dict) else {}
    options = table.get("ini_options", table) if isinstance(table, dict) else {}
    if options:
        return dict(options)
    for name, section in _OTHER_FILES:
        found = _read_ini(tree, join(folder, name), section)
        if found is not None:
            return found
    return {}


def _read_toml(tree: FileTree, path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_read_text(tree, path))
    except tomllib.TOMLDecodeError:
        return {}


def _read_ini(tree: FileTree, path: str, section: str) -> Mapping[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    try:
        parser.read_string(_read_text(tree, path))
    except configparser.Error:
        return None
    return dict(parser[section]) if parser.has_section(section) else None


def _read_text(tree: FileTree, path: str) -> str:
    return decode_text(tree.read(path) or b"")


def _split_words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    try:
        return shlex.split(str(value), comments=True)
    except ValueError:
        return str(value).split()
