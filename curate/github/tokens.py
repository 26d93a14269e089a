"""Tokens: read from the environment, each with limits of its own, never shown."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from curate.core.errors import ConfigurationError

TOKEN_VARIABLES = ("GITHUB_TOKENS", "GITHUB_TOKEN")
DEFAULT_RATE_LIMIT_PAUSE = 60.0  # seconds, where GitHub does not say how long a limit lasts


def read_tokens(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Tokens of GITHUB_TOKENS and GITHUB_TOKEN, each once; commas or blanks stand between them.

    Raises `ConfigurationError` for characters that no token has; the message shows none of it.
    """
    found: dict[str, None] = {}
    for name in TOKEN_VARIABLES:
        for token in re.split(r"[,\s]+", environment.get(name, "").strip()):
            if not re.fullmatch(r"[\x21-\x7e]*", token):
                raise ConfigurationError(
                    f"{name} holds a character that no token has.", hint="Set it anew."
                )
            found[token] = None
    found.pop("", None)
    return tuple(found)


@dataclass
class Token:
    """One token, the points it has left as last told, and until when it rests (Unix time)."""

    number: int
    value: str | None = field(repr=False)
    remaining: int | None = None
    rate_limited_until: float = 0.0


class TokenPool:
    """The tokens still in use; the caller holds a lock."""

    def __init__(self, tokens: Sequence[str | None], now: Callable[[], float] = time.time) -> None:
        """Without any token, requests go out anonymously."""
        self.size = max(len(tokens), 1)
        self._now = now
        self._tokens = [Token(n, token) for n, token in enumerate(tokens or (None,), start=1)]

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def total_remaining(self) -> int | None:
        """Points left over all tokens, as last told; None before the first answer."""
        known = [token.remaining for token in self._tokens if token.remaining is not None]
        return sum(known) if known else None

    def choose_token(self) -> Token:
        """The token that may be used soonest, of several the one with most points left."""
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
        """Let *token* rest; seconds until some token may be used, None if GitHub named none."""
        pause = DEFAULT_RATE_LIMIT_PAUSE if seconds is None else max(seconds, 1.0)
        token.rate_limited_until = self._now() + pause
        if len(self._tokens) == 1:
            return None if seconds is None else pause
        return max(min(it.rate_limited_until for it in self._tokens) - self._now(), 0.0)

    def remove(self, token: Token) -> bool:
        """Take *token* out of use; whether another one is left."""
        if token in self._tokens and len(self._tokens) > 1:
            self._tokens.remove(token)
            return True
        return token not in self._tokens
