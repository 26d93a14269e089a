"""Dates as uv takes them, and days on which build tools changed."""

from datetime import UTC, datetime

# Where no build tool of the period works, the isolated build may use tools up to this day.
LATER_TOOLS = datetime(2023, 1, 15, tzinfo=UTC)


def cutoff_text(date: datetime) -> str:
    """Spelling of *date* that uv's `--exclude-newer` takes, in UTC and whole seconds."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
