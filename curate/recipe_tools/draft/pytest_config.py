"""pytest's configuration in a repository."""

import configparser
import shlex
import tomllib
from collections.abc import Mapping
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.text import decode_text

_SECTIONS = (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))


def read_pytest_settings(tree: FileTree) -> Mapping[str, list[str]]:
    """Read `addopts`, `testpaths` and `required_plugins`, split into words.

    Only the first configuration file that pytest would use is read.
    """
    table = _read_ini_table(tree)
    names = ("addopts", "testpaths", "required_plugins")
    return {name: _split_words(table.get(name, "")) for name in names}


def _read_ini_table(tree: FileTree) -> Mapping[str, Any]:
    try:
        data = tomllib.loads(_read_text(tree, "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        data = {}
    options = data.get("tool", {}).get("pytest", {}).get("ini_options")
    if isinstance(options, dict):
        return options
    for path, section in _SECTIONS:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(_read_text(tree, path))
        except configparser.Error:
            continue
        if parser.has_section(section):
            return dict(parser[section])
    return {}


def _read_text(tree: FileTree, path: str) -> str:
    return decode_text(tree.read(path) or b"")


def _split_words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    try:
        return shlex.split(str(value), comments=True)
    except ValueError:
        return str(value).split()
