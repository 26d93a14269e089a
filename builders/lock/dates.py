"""Dates of changes in build tools."""

from datetime import UTC, datetime, timedelta

# Editable wheels (PEP 660) work from here on: setuptools supports them since 64.0 (August 2022),
# and other build backends had followed by this date.
PEP_660 = datetime(2022, 10, 1, tzinfo=UTC)
# uv requires a setuptools that has a build backend: 40.8, of 5 February 2019.
OLDEST_TOOLS = datetime(2019, 2, 6, tzinfo=UTC)
# From then on, all that environments have is pip 10 or later, which can build without isolation.
# Earlier ones never isolate.
PIP_10 = datetime(2018, 7, 1, tzinfo=UTC)
# If no build tool of the time works, an isolated build may use tools up to this date.
LATER_TOOLS = datetime(2023, 1, 15, tzinfo=UTC)
# The last tools before Cython 3 (17 July 2023); unlike `LATER_TOOLS` they work on Python 3.12.
TOOLS_BEFORE_CYTHON_3 = datetime(2023, 7, 15, tzinfo=UTC)


def tool_dates(uploaded: datetime, *others: datetime) -> list[datetime]:
    """Return the dates whose build tools are tried, in this order, for an sdist of *uploaded*.

    The sdist's own date comes first, then later ones: *others*, `LATER_TOOLS` and
    `TOOLS_BEFORE_CYTHON_3`.
    """
    own = max(uploaded + timedelta(days=1), OLDEST_TOOLS).astimezone(UTC)
    own = own.replace(hour=0, minute=0, second=0, microsecond=0)
    later = sorted(date for date in (*others, LATER_TOOLS, TOOLS_BEFORE_CYTHON_3) if date > own)
    return [own, *dict.fromkeys(later)]
