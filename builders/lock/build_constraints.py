"""What source distributions are built against, so that what was built works with any lock."""

from packaging.version import Version

from builders.model import RequirementsLock
from builders.package_facts import load_package_facts


def build_constraint(lock: RequirementsLock) -> str:
    """Return the requirement that bounds builds for *lock*; "" where nothing is to be bound."""
    locked = [each.partition("==")[2] for each in lock.packages if each.startswith("numpy==")]
    oldest = load_package_facts().oldest_numpy.get(lock.python)
    if not locked or oldest is None:
        return ""
    return f"numpy<={min(locked[0], oldest, key=Version)}"
