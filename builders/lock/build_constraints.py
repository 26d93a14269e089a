"""What source distributions are built against, so that what was built works with any lock."""

from packaging.version import Version

from builders.model import Lock

# An extension works with the numpy that it was built against and with later ones. Isolated builds
# would take the newest, and uv keeps what it built for other locks, too. So it is the oldest that
# there is for an interpreter: those of oldest-supported-numpy 2023.12.21. What is built against
# numpy 2 works with older ones.
_NUMPY = {
    "3.6": "1.13.3",
    "3.7": "1.14.5",
    "3.8": "1.17.3",
    "3.9": "1.19.3",
    "3.10": "1.21.6",
    "3.11": "1.23.2",
    "3.12": "1.26.2",
}


def build_bound(lock: Lock) -> str:
    """Return the requirement that bounds builds for *lock*; "" where nothing is to be bound."""
    locked = [each.partition("==")[2] for each in lock.packages if each.startswith("numpy==")]
    if not locked or lock.python not in _NUMPY:
        return ""
    return f"numpy<={min(locked[0], _NUMPY[lock.python], key=Version)}"
