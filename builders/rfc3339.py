"""RFC 3339 timestamps, the format that uv, GitHub and published rows share."""

from datetime import UTC, datetime


def format_rfc3339(moment: datetime, *, timespec: str = "seconds") -> str:
    """Format *moment* in UTC, as in `2022-05-01T12:00:00Z`.

    Args:
        moment: A time-zone-aware time.
        timespec: As for `datetime.isoformat`. Finer digits are truncated, never rounded up;
            "auto" keeps microseconds unless they are zero.

    Raises:
        ValueError: *moment* has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Parse a timestamp of `format_rfc3339`, GitHub or git into an aware time.

    Raises:
        ValueError: *text* is no such timestamp, or has no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment
