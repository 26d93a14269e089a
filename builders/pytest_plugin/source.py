"""Plugins as standalone files: imports from this package are replaced by the imported code."""

import re
from functools import cache
from importlib.resources import files

REPORTER, STATUS = "curate_reporter", "curate_status"  # names of the plugins and their modules

_IMPORT = re.compile(r"^from curate\.builders\.pytest_plugin\.(\w+) import \w+\n", re.MULTILINE)


@cache
def read_plugin_source(name: str) -> str:
    """Return the source of the plugin *name* as one file that runs standalone."""
    return _IMPORT.sub(lambda match: _module_text(match[1]), _module_text(name))


def _module_text(name: str) -> str:
    return files("curate.builders.pytest_plugin").joinpath(f"{name}.py").read_text(encoding="utf-8")
