"""Plugins as standalone files: imports from this package are replaced by the imported code."""

import re
from functools import cache
from importlib.resources import files

REPORTER, STATUS = "curate_reporter", "curate_status"  # names of the plugins and their modules
GRADER = "grade_statuses"  # a program

_IMPORT = re.compile(
    r"^from curate\.builders\.pytest_plugin\.(\w+) import (?:\([^)]*\)|[\w, ]+)\n", re.MULTILINE
)


@cache
def read_plugin_source(name: str) -> str:
    """Return the source of the plugin *name* as one file that runs standalone."""
    return _inline_imports(name, set())


def _inline_imports(name: str, inlined: set[str]) -> str:
    """Return the source of a module with the code that it imports, each module once."""

    def replace(match: re.Match[str]) -> str:
        if match[1] in inlined:
            return ""
        inlined.add(match[1])
        return _inline_imports(match[1], inlined)

    return _IMPORT.sub(replace, _read_module(name))


def _read_module(name: str) -> str:
    return files("curate.builders.pytest_plugin").joinpath(f"{name}.py").read_text(encoding="utf-8")
