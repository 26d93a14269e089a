"""Dates of changes in build tools."""

from datetime import UTC, datetime

# Editable wheels (PEP 660) work from here on: setuptools supports them since 64.0 (August 2022),
# and other build backends had followed by this date.
PEP_660 = datetime(2022, 10, 1, tzinfo=UTC)
# If no build tool of the time works, an isolated build may use tools up to this date.
LATER_TOOLS = datetime(2023, 1, 15, tzinfo=UTC)
