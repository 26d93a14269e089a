"""Build constraints: extensions are built against a numpy version that every lock can use."""

from packaging.version import Version

from curate.builders.model import RequirementsLock
from curate.builders.package_facts import load_package_facts


def build_constraint(lock: RequirementsLock) -> str:
    """Return the build constraint for *lock*, e.g. "numpy<=1.17.3"; "" if it needs none.

    It is the older of the locked numpy and the oldest one that supports the Python version
    (`oldest_numpy` in `packages.toml`).
    """
    locked = [item.partition("==")[2] for item in lock.packages if item.startswith("numpy==")]
    oldest = load_package_facts().oldest_numpy.get(lock.python)
    if not locked or oldest is None:
        return ""
    return f"numpy<={min(locked[0], oldest, key=Version)}"
