"""Retry policy for requests to GitHub."""

import email.utils
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import tenacity

from curate.core.errors import NetworkError

log = logging.getLogger(__name__)

T = TypeVar("T")
Headers = Mapping[str, object]


class TransientError(NetworkError):
    """A failure that a retry, possibly with a smaller request, may avoid."""

    max_failures = 8  # of this kind, until the request is given up
    max_seconds = 80.0  # since the first attempt, after which no further one begins


class NoAnswerError(TransientError):
    """A server that accepts a request and is silent until the timeout."""

    max_failures = 3


class UnreachableError(TransientError):
    """No connection to the server."""


class MalformedAnswerError(TransientError):
    """An answer that is not what GitHub documents: a field is missing, or a list does not end."""

    max_failures = 3

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Try again later. If it stays so, please report it.")


class FirstContactError(TransientError):
    """No server, or not GitHub's, although it was never reached before: told soon."""

    max_failures = 3
    max_seconds = 4.0


class RateLimitExceededError(NetworkError):
    """GitHub's rate limit; *seconds* to wait is None if the response does not say."""

    def __init__(self, message: str, *, seconds: float | None) -> None:
        super().__init__(message, hint="Wait and try again, or use another token.")
        self.seconds = seconds


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Limits for retries and waits, in seconds; both retry loops are bounded.

    Each kind of `TransientError` has limits of its own besides.

    `on_wait(remaining seconds, reason)` is called at least once a second during every wait.
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
        """Return the result of *request*; retry `TransientError` and `RateLimitExceededError`.

        *on_failure* is called after every `TransientError`, so that the next request may be
        smaller. Raises what the last attempt raised; any other exception at once.
        """
        limited = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RateLimitExceededError),
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
            stop=partial(self._should_stop_retrying, Counter()),
            wait=tenacity.wait_exponential(multiplier=self.initial_backoff, max=self.max_backoff)
            + tenacity.wait_random(0, self.initial_backoff),
            before_sleep=lambda state: self._before_retry(state, on_failure),
            sleep=lambda seconds: self._sleep_with_countdown(
                seconds, "GitHub 5xx or connection error"
            ),
            reraise=True,
        )
        return failing(request)

    def _before_retry(
        self, state: tenacity.RetryCallState, on_failure: Callable[[], None] | None
    ) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.info("%s Attempt %d follows.", error, state.attempt_number + 1)
        if on_failure:
            on_failure()

    def _should_stop_retrying(
        self, failures: Counter[type[BaseException]], state: tenacity.RetryCallState
    ) -> bool:
        """Whether *failures* of the last kind are too many, or the time for retries is over."""
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, TransientError):
            return True
        failures[type(error)] += 1
        seconds = (state.seconds_since_start or 0.0) + state.upcoming_sleep
        return (
            state.attempt_number >= self.max_attempts
            or failures[type(error)] >= error.max_failures
            or seconds > error.max_seconds
        )

    def _should_give_up(self, state: tenacity.RetryCallState) -> bool:
        too_long = _rate_limit_pause(state) > self.max_rate_limit_wait
        return too_long or state.attempt_number >= self.max_rate_limit_waits

    def _sleep_with_countdown(self, seconds: float, reason: str) -> None:
        remaining = seconds
        while remaining > 0:
            self.on_wait(remaining, reason)
            step = min(1.0, remaining)
            self.sleep(step)
            remaining -= step


def _rate_limit_pause(state: tenacity.RetryCallState) -> float:
    """Seconds that GitHub requested; else one minute, then doubling, as its docs recommend."""
    error = state.outcome.exception() if state.outcome else None
    requested = error.seconds if isinstance(error, RateLimitExceededError) else None
    if requested is not None:
        return requested
    return 60.0 * float(2 ** min(state.attempt_number - 1, 4))


def rate_limit_seconds(headers: Headers, now: float) -> float | None:
    """Return the seconds to wait according to the headers of a response; None if they do not say.

    *now* (Unix time) is used only without a `Date` header, as the local clock may be wrong.
    `Retry-After` is a number of seconds or a date. An exhausted limit resets at
    `x-ratelimit-reset`; one second is added because that time is rounded to seconds.
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
    """Unix time of an HTTP date; None if it is invalid."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
