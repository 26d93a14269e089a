"""What a lock pins, and how it differs from another one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==|@)\s*([^\s;\\]+)")
MAX_CHANGES = 100


@dataclass(frozen=True, kw_only=True)
class PackageChange:
    """A package whose version differs; "" = not in that lock."""

    name: str
    other: str
    own: str


@dataclass(frozen=True, kw_only=True)
class LockDiff:
    """Changes against the lock of another candidate, at most `MAX_CHANGES` of them."""

    changes: tuple[PackageChange, ...]
    left_out: int
    same: int  # packages that are pinned alike


def parse_lock(lock: str) -> dict[str, str]:
    """Return the version (or address) of each package that *lock* pins."""
    return {match[1].lower(): match[2] for match in map(_PINNED.match, lock.splitlines()) if match}


def diff_locks(other: Mapping[str, str], own: Mapping[str, str]) -> LockDiff:
    """Return how *own* differs from *other*, both as `parse_lock` returns them."""
    changes = [
        PackageChange(name=name, other=other.get(name, ""), own=own.get(name, ""))
        for name in sorted({*other, *own})
        if other.get(name) != own.get(name)
    ]
    return LockDiff(
        changes=tuple(changes[:MAX_CHANGES]),
        left_out=max(0, len(changes) - MAX_CHANGES),
        same=len({*other, *own}) - len(changes),
    )
