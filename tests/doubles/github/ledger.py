"""The points of one token: spent by queries, given back when the hour is over."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(kw_only=True)
class Ledger:
    """A budget of points in a window of seconds; safe to use from several threads."""

    limit: int = 5000
    window: float = 3600.0
    used: int = 0
    total: int = 0  # over all windows
    started: float = field(default_factory=time.time)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def charge(self, points: int) -> bool:
        """Spend points; False, and nothing spent, when they are not there."""
        with self._lock:
            self._renew()
            if self.used + points > self.limit:
                return False
            self.used += points
            self.total += points
            return True

    def exhaust(self) -> None:
        """Spend what is left, as another client of the same token would."""
        with self._lock:
            self._renew()
            self.used = self.limit

    @property
    def remaining(self) -> int:
        """Points left in this window."""
        with self._lock:
            self._renew()
            return self.limit - self.used

    @property
    def reset(self) -> int:
        """Unix time of the next window, in whole seconds, never early."""
        return int(self.started + self.window) + 1

    @property
    def reset_at(self) -> str:
        """`reset` as GraphQL prints it."""
        return datetime.fromtimestamp(self.reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def headers(self, resource: str = "graphql") -> dict[str, str]:
        """Return the headers that tell a client about its points."""
        remaining = self.remaining
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-used": str(self.limit - remaining),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-resource": resource,
        }

    def _renew(self) -> None:
        if time.time() >= self.started + self.window:
            self.started, self.used = time.time(), 0
