"""When to ask GitHub again, and when to give up at once."""

import email.utils
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from curate.core.errors import NetworkError

T = TypeVar("T")
Headers = Mapping[str, object]


class TransientError(NetworkError):
    """An answer that the same request, or a smaller one, may not get again."""


class RateLimitExceeded(NetworkError):
    """GitHub asks to wait; *seconds* is None where it does not say how long."""

    def __init__(self, message: str, *, seconds: float | None) -> None:
        super().__init__(message, hint="Wait, or use another token.")
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often, how long, and who is told; both loops end.

    `on_wait(seconds left, reason)` is called at least once a second during every wait.
    """

    max_attempts: int = 8
    initial_backoff: float = 1.0
    max_backoff: float = 60.0
    max_rate_limit_waits: int = 8
    max_rate_limit_wait: float = 2 * 3600.0
    sleep: Callable[[float], None] = time.sleep
    on_wait: Callable[[float, str], None] = lambda seconds, reason: None

    def run_with_retries(
        self, request: Callable[[], T], on_failure: Callable[[], None] | None = None
    ) -> T:
        """Result of *request*, tried again after `TransientError` and `RateLimitExceeded`.

        *on_failure* is called after every `TransientError`, so that the next try may be smaller.
        Raises what the last try raised; any other exception at once.
        """
        limited = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RateLimitExceeded),
            stop=self._should_give_up,
            wait=_rate_limit_pause,
            sleep=lambda seconds: self._sleep_with_countdown(seconds, "rate limit"),
            reraise=True,
        )
        result: T = limited(self._retry_transient, request, on_failure)
        return result

    def _retry_transient(
        self, request: Callable[[], T], on_failure: Callable[[], None] | None
    ) -> T:
        failing = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(self.max_attempts),
            wait=tenacity.wait_exponential(multiplier=self.initial_backoff, max=self.max_backoff)
            + tenacity.wait_random(0, self.initial_backoff),
            before_sleep=lambda state: on_failure() if on_failure else None,
            sleep=lambda seconds: self._sleep_with_countdown(seconds, "server trouble"),
            reraise=True,
        )
        return failing(request)

    def _should_give_up(self, state: tenacity.RetryCallState) -> bool:
        long = _rate_limit_pause(state) > self.max_rate_limit_wait
        return long or state.attempt_number >= self.max_rate_limit_waits

    def _sleep_with_countdown(self, seconds: float, reason: str) -> None:
        left = seconds
        while left > 0:
            self.on_wait(left, reason)
            step = min(1.0, left)
            self.sleep(step)
            left -= step


def _rate_limit_pause(state: tenacity.RetryCallState) -> float:
    """What GitHub asked for; else, as its documentation has it, a minute and then doubling."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.seconds if isinstance(error, RateLimitExceeded) else None
    return asked if asked is not None else 60.0 * float(2 ** min(state.attempt_number - 1, 4))


def rate_limit_seconds(headers: Headers, now: float) -> float | None:
    """Seconds that a rate-limited answer asks to wait, from its headers; None if it does not say.

    *now* is Unix time, for answers that do not give the server's own, which this machine's may be
    far from. `Retry-After` is seconds or a date; a spent budget comes back at
    `x-ratelimit-reset`, one second is added because that is a whole second.
    """
    now = _parse_http_date(str(headers.get("date", ""))) or now
    after = str(headers.get("retry-after", "")).strip()
    if after.isdigit():
        return float(after)
    if after:
        until = _parse_http_date(after)
        return None if until is None else max(until - now, 1.0)
    reset = str(headers.get("x-ratelimit-reset", ""))
    if str(headers.get("x-ratelimit-remaining", "")) == "0" and reset.isdigit():
        return max(float(reset) - now, 0.0) + 1.0
    return None


def _parse_http_date(date: str) -> float | None:
    """Unix time of an HTTP date."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
