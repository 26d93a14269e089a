"""The pytest plugin that runs in sandboxes, and the reading of what it wrote."""

from builders.pytest_plugin.report import Report, new_key, read_report
from builders.pytest_plugin.source import REPORTER, STATUS, plugin_source

__all__ = ["REPORTER", "STATUS", "Report", "new_key", "plugin_source", "read_report"]
