"""The pytest plugins that run in sandboxes and evaluation images, and the reader of reports."""

from curate.builders.pytest_plugin.report import PytestReport, generate_key, read_report
from curate.builders.pytest_plugin.source import GRADER, REPORTER, STATUS, read_plugin_source

__all__ = [
    "GRADER",
    "REPORTER",
    "STATUS",
    "PytestReport",
    "generate_key",
    "read_plugin_source",
    "read_report",
]
