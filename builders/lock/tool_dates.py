"""The dates up to which pip, setuptools and wheel are taken, so that they run on an interpreter.

Tools of long before an interpreter do not know it: the setuptools of 2014 does not start on Python
3.6, that of 2022 not on 3.12. So where an environment is older than its interpreter, these three
are as of the interpreter's release. Everything else stays as of the environment's own date.
"""

from datetime import UTC, datetime, time, timedelta

from curate.builders.python.choose import RELEASES
from curate.builders.rfc3339 import format_rfc3339

TOOLS = ("pip", "setuptools", "wheel")
MARGIN = timedelta(days=14)
"""After the final release of an interpreter.

Measured on 3.6 to 3.13: the tools of the day of the release work on each of them, except that the
last of the fixes for 3.6 came within the days after it. Half a year later setuptools 34 required
four other packages, which do not belong into environments.
"""


def find_tool_cutoff(python: str, cutoff: datetime) -> datetime | None:
    """Return the later cutoff of `TOOLS` for *python* ("3.6"); None where *cutoff* itself serves.

    An interpreter whose release is not known makes no difference.
    """
    released = RELEASES.get(python)
    if released is None:
        return None
    oldest = datetime.combine(released, time(), UTC) + MARGIN
    return oldest if cutoff < oldest else None


def list_tool_cutoffs(python: str, cutoff: datetime) -> dict[str, str]:
    """Return tool -> later cutoff (RFC 3339); empty where *cutoff* itself serves."""
    oldest = find_tool_cutoff(python, cutoff)
    return dict.fromkeys(TOOLS, format_rfc3339(oldest)) if oldest else {}


def tool_cutoff_options(python: str, cutoff: datetime) -> list[str]:
    """Return uv's options for these cutoffs."""
    found = list_tool_cutoffs(python, cutoff)
    return [word for name in found for word in ("--exclude-newer-package", f"{name}={found[name]}")]


def describe_tool_cutoff(python: str, cutoff: datetime) -> tuple[str, ...]:
    """Return the sentence that records it, if there is a later cutoff."""
    oldest = find_tool_cutoff(python, cutoff)
    if oldest is None:
        return ()
    tools = f"{', '.join(TOOLS[:-1])} and {TOOLS[-1]}"
    return (f"allowed {tools} up to {oldest:%Y-%m-%d}: Python {python} is newer than the rest",)
