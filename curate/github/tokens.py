"""GitHub tokens: found where people keep them, each with its own rate limit, never printed."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from curate.core.errors import ConfigurationError
from curate.github.gh_login import read_gh_token
from curate.github.hosts import is_hosted_by_github, token_host

TOKEN_VARIABLES = ("GITHUB_TOKENS", "GITHUB_TOKEN", "GH_TOKEN")
ENTERPRISE_VARIABLES = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
DEFAULT_RATE_LIMIT_PAUSE = 60.0  # seconds, if GitHub does not say how long to wait


def find_tokens(environment: Mapping[str, str], api_url: str) -> tuple[str, ...]:
    """Return the distinct tokens for *api_url*; empty if there is none.

    They come from the environment, and only if there is none, from the login of `gh`. For hosts
    other than GitHub's own, the variables that `gh` has for those come before the common ones.
    Raises `ConfigurationError` for an invalid character; the message contains no part of a token.
    """
    host = token_host(api_url)
    found: tuple[str, ...] = ()
    if not is_hosted_by_github(host):
        found = read_tokens(environment, ENTERPRISE_VARIABLES)
    found = found or read_tokens(environment)
    if found:
        return found
    names = dict.fromkeys((host, host.partition(":")[0]))
    tokens = (read_gh_token(name, environment) for name in names)
    token = next(filter(None, tokens), "")
    return split_tokens(token, "the token of gh")


def read_tokens(
    environment: Mapping[str, str], names: Sequence[str] = TOKEN_VARIABLES
) -> tuple[str, ...]:
    """Return the distinct tokens of the variables *names*, separated by commas or spaces.

    Raises what `find_tokens` raises.
    """
    found = [split_tokens(environment.get(name, ""), name) for name in names]
    return tuple(dict.fromkeys(token for tokens in found for token in tokens))


def split_tokens(text: str, source: str) -> tuple[str, ...]:
    """Return the tokens in *text*, which is from *source*. Raises what `find_tokens` raises."""
    tokens = re.split(r"[,\s]+", text.strip())
    if not all(re.fullmatch(r"[\x21-\x7e]*", token) for token in tokens):
        raise ConfigurationError(
            f"{source} contains an invalid character.", hint=f"Set {source} again."
        )
    return tuple(filter(None, tokens))


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
