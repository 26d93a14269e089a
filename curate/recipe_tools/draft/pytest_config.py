"""pytest's configuration in a repository."""

from collections.abc import Mapping

from curate.builders.git.tree import FileTree
from curate.environments.pytest_ini import read_ini_table, split_ini_words


def read_pytest_settings(tree: FileTree) -> Mapping[str, list[str]]:
    """Read `addopts`, `testpaths` and `required_plugins`, split into words.

    Only the first configuration file that pytest would use is read.
    """
    table = read_ini_table(tree) or {}
    names = ("addopts", "testpaths", "required_plugins")
    return {name: split_ini_words(table.get(name, "")) for name in names}
