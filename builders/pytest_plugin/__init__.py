"""The pytest plugin that runs in sandboxes, and the reading of what it wrote."""

from builders.pytest_plugin.report import PLUGIN, Report, new_key, plugin_source, read_report

__all__ = ["PLUGIN", "Report", "new_key", "plugin_source", "read_report"]
