"""Plugins as the text of one file: what they import of this package is put in its place."""

import re
from functools import cache
from importlib.resources import files

REPORTER, STATUS = "curate_reporter", "curate_status"  # modules, and names of the plugins

_IMPORT = re.compile(r"^from builders\.pytest_plugin\.(\w+) import \w+\n", re.MULTILINE)


@cache
def read_plugin_source(name: str) -> str:
    """Text of the plugin *name*, which runs alone on Python 3.6 and pytest 4.6 up to the newest."""
    return _IMPORT.sub(lambda found: _module_text(found[1]), _module_text(name))


def _module_text(name: str) -> str:
    return files("builders.pytest_plugin").joinpath(f"{name}.py").read_text(encoding="utf-8")
