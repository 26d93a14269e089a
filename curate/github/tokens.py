"""Tokens: read from the environment, each with limits of its own, never shown."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from curate.core.errors import BadInput

VARIABLES = ("GITHUB_TOKENS", "GITHUB_TOKEN")
UNNAMED_PAUSE = 60.0  # seconds, where GitHub does not say how long a limit lasts


def read_tokens(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Tokens of GITHUB_TOKENS and GITHUB_TOKEN, each once; commas or blanks stand between them.

    Raises `BadInput` for characters that no token has; the message shows none of it.
    """
    found: dict[str, None] = {}
    for name in VARIABLES:
        for token in re.split(r"[,\s]+", environment.get(name, "").strip()):
            if not re.fullmatch(r"[\x21-\x7e]*", token):
                raise BadInput(f"{name} holds a character that no token has.", hint="Set it anew.")
            found[token] = None
    found.pop("", None)
    return tuple(found)


@dataclass
class Lane:
    """One token, the points it has left as last told, and until when it rests (Unix time)."""

    number: int
    token: str | None = field(repr=False)
    remaining: int | None = None
    rests_until: float = 0.0


class TokenPool:
    """The tokens still in use; the caller holds a lock."""

    def __init__(self, tokens: Sequence[str | None], now: Callable[[], float] = time.time) -> None:
        """Without any token, requests go out anonymously."""
        self.size = max(len(tokens), 1)
        self._now = now
        self._lanes = [Lane(n, token) for n, token in enumerate(tokens or (None,), start=1)]

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def remaining(self) -> int | None:
        """Points left over all tokens, as last told; None before the first answer."""
        known = [lane.remaining for lane in self._lanes if lane.remaining is not None]
        return sum(known) if known else None

    def choose(self) -> Lane:
        """The token that may be used soonest, of several the one with most points left."""
        now = self._now()
        return min(
            self._lanes,
            key=lambda lane: (
                max(lane.rests_until - now, 0.0),
                -(lane.remaining if lane.remaining is not None else 1 << 30),
                lane.number,
            ),
        )

    def rest(self, lane: Lane, seconds: float | None) -> float | None:
        """Let *lane* rest; seconds until some token may be used, None if GitHub named none."""
        pause = UNNAMED_PAUSE if seconds is None else max(seconds, 1.0)
        lane.rests_until = self._now() + pause
        if len(self._lanes) == 1:
            return None if seconds is None else pause
        return max(min(it.rests_until for it in self._lanes) - self._now(), 0.0)

    def drop(self, lane: Lane) -> bool:
        """Take *lane* out of use; whether another one is left."""
        if lane in self._lanes and len(self._lanes) > 1:
            self._lanes.remove(lane)
            return True
        return lane not in self._lanes
