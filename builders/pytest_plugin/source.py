"""Plugins as standalone files."""

from curate.builders.inline_source import read_standalone_source

REPORTER, STATUS = "curate_reporter", "curate_status"  # names of the plugins and their modules
GRADER = "grade_statuses"  # a program


def read_plugin_source(name: str) -> str:
    """Return the source of the plugin *name* as one file that runs standalone."""
    return read_standalone_source("curate.builders.pytest_plugin", name)
