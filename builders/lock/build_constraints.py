"""What source distributions are built against, so that what was built works with any lock."""

from packaging.version import Version

from builders.model import Lock
from builders.package_facts import package_facts


def build_bound(lock: Lock) -> str:
    """Return the requirement that bounds builds for *lock*; "" where nothing is to be bound."""
    locked = [each.partition("==")[2] for each in lock.packages if each.startswith("numpy==")]
    oldest = package_facts().oldest_numpy.get(lock.python)
    if not locked or oldest is None:
        return ""
    return f"numpy<={min(locked[0], oldest, key=Version)}"
