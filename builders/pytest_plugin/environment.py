"""The variables of a test session as they were before a plugin was injected.

Runs inside sandboxes and evaluation images as part of a plugin's text, on Python 3.6 and later.
"""

import os
import sys


def restore_environment(folder: str, plugin: str) -> None:
    """Remove *folder* from the import path and *plugin* from pytest's, for child processes, too."""
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    for name, own, separator in (
        ("PYTHONPATH", folder, os.pathsep),
        ("PYTEST_PLUGINS", plugin, ","),
    ):
        entries = os.environ.pop(name, "").split(separator)
        if entries[0] == own:  # both are put first; the same entry behind it is the project's
            entries = entries[1:]
        if entries and entries != [""]:
            os.environ[name] = separator.join(entries)
