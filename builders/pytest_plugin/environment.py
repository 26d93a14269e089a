"""Restore the environment variables of a test session after a plugin was injected.

Runs in sandboxes and evaluation images as part of a plugin's text, on Python 3.6 and later.
"""

import os
import sys


def restore_environment(folder: str, plugin: str) -> None:
    """Remove *folder* from the import path and *plugin* from PYTEST_PLUGINS.

    Child processes inherit the restored variables.
    """
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    for name, injected, separator in (
        ("PYTHONPATH", folder, os.pathsep),
        ("PYTEST_PLUGINS", plugin, ","),
    ):
        entries = os.environ.pop(name, "").split(separator)
        if entries[0] == injected:  # injected first; the same entry further back is the project's
            entries = entries[1:]
        if entries and entries != [""]:
            os.environ[name] = separator.join(entries)
