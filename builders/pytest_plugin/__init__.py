"""The pytest plugin that runs in sandboxes, and the reading of what it wrote."""

from builders.pytest_plugin.report import PytestReport, generate_key, read_report
from builders.pytest_plugin.source import REPORTER, STATUS, read_plugin_source

__all__ = [
    "REPORTER",
    "STATUS",
    "PytestReport",
    "generate_key",
    "read_plugin_source",
    "read_report",
]
