"""Times as text, the one form that uv, GitHub and published rows share."""

from datetime import UTC, datetime


def format_rfc3339(moment: datetime, *, timespec: str = "seconds") -> str:
    """Spell the aware *moment* in UTC, as in `2022-05-01T12:00:00Z`.

    *timespec* is that of `datetime.isoformat`; what is finer is cut off, never rounded up. "auto"
    keeps microseconds where there are any. Raises ValueError for a time without a zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Read what `format_rfc3339`, GitHub or git wrote, as an aware time; ValueError otherwise."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment
