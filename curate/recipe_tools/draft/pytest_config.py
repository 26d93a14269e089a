"""pytest's configuration in a repository."""

from collections.abc import Mapping

from curate.builders.git.tree import FileTree
from curate.environments.pytest_ini import read_ini_table, split_ini_words

NAMES = ("addopts", "testpaths", "required_plugins", "python_files", "DJANGO_SETTINGS_MODULE")


def read_pytest_settings(tree: FileTree, folder: str = "") -> Mapping[str, list[str]]:
    """Read the options `NAMES` that pytest has in *folder*, split into words.

    Only the first configuration file that pytest would use is read.
    """
    table = read_ini_table(tree, folder) or {}
    return {name: split_ini_words(table.get(name, "")) for name in NAMES}
