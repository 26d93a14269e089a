"""GitHub tokens: read from the environment, each with its own rate limit, never printed."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from curate.core.errors import ConfigurationError

TOKEN_VARIABLES = ("GITHUB_TOKENS", "GITHUB_TOKEN")
DEFAULT_RATE_LIMIT_PAUSE = 60.0  # seconds, if GitHub does not say how long to wait


def read_tokens(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the distinct tokens of GITHUB_TOKENS and GITHUB_TOKEN, separated by commas or spaces.

    Raises `ConfigurationError` for an invalid character; the message contains no part of a token.
    """
    found: dict[str, None] = {}
    for name in TOKEN_VARIABLES:
        for token in re.split(r"[,\s]+", environment.get(name, "").strip()):
            if not re.fullmatch(r"[\x21-\x7e]*", token):
                raise ConfigurationError(
                    f"{name} contains an invalid character.", hint=f"Set {name} again."
                )
            found[token] = None
    found.pop("", None)
    return tuple(found)


@dataclass
class Token:
    """A token, its remaining points as last reported, and the end of its pause (Unix time)."""

    number: int
    value: str | None = field(repr=False)
    remaining: int | None = None
    rate_limited_until: float = 0.0


class TokenPool:
    """The tokens still in use; not thread-safe, the caller holds a lock."""

    def __init__(self, tokens: Sequence[str | None], now: Callable[[], float] = time.time) -> None:
        """Without any token, requests are anonymous."""
        self.size = max(len(tokens), 1)
        self._now = now
        self._tokens = [Token(n, token) for n, token in enumerate(tokens or (None,), start=1)]

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def total_remaining(self) -> int | None:
        """Remaining points of all tokens, as last reported; None before the first response."""
        known = [token.remaining for token in self._tokens if token.remaining is not None]
        return sum(known) if known else None

    def choose_token(self) -> Token:
        """Return the token usable soonest; of several, the one with the most remaining points."""
        now = self._now()
        return min(
            self._tokens,
            key=lambda token: (
                max(token.rate_limited_until - now, 0.0),
                -(token.remaining if token.remaining is not None else 1 << 30),
                token.number,
            ),
        )

    def mark_rate_limited(self, token: Token, seconds: float | None) -> float | None:
        """Pause *token*; return the seconds until any token is usable.

        None if there is only one token and GitHub did not say how long to wait.
        """
        pause = DEFAULT_RATE_LIMIT_PAUSE if seconds is None else max(seconds, 1.0)
        token.rate_limited_until = self._now() + pause
        if len(self._tokens) == 1:
            return None if seconds is None else pause
        return max(min(it.rate_limited_until for it in self._tokens) - self._now(), 0.0)

    def remove(self, token: Token) -> bool:
        """Stop using *token*; return whether another token is left."""
        if token in self._tokens and len(self._tokens) > 1:
            self._tokens.remove(token)
            return True
        return token not in self._tokens
