"""Linters, formatters and documentation tools: tests do not need them, and they add conflicts."""

from curate.builders.package_facts import load_package_facts


def is_development_tool(name: str) -> bool:
    """Whether the normalized *name* is a linter, a formatter or a documentation tool."""
    facts = load_package_facts()
    return name in facts.dev_tool_names or name.startswith(facts.dev_tool_prefixes)
