"""Days on which build tools changed."""

from datetime import UTC, datetime

# setuptools learned editable wheels (PEP 660) in 64.0, August 2022; now others had followed.
PEP_660 = datetime(2022, 10, 1, tzinfo=UTC)
# Where no build tool of the period works, the isolated build may use tools up to this day.
LATER_TOOLS = datetime(2023, 1, 15, tzinfo=UTC)
