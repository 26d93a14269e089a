from collections.abc import Callable

import pytest

from curate.core.errors import AuthenticationError, NetworkError, NotFoundError
from curate.github.errors import BadCredentialsError, classify_http_error, classify_query_errors
from curate.github.retry import (
    RateLimitExceededError,
    RetryPolicy,
    TransientError,
    rate_limit_seconds,
)


class Clock:
    """Sleeps without sleeping and remembers."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.told: list[tuple[float, str]] = []

    def policy(self, **changes: object) -> RetryPolicy:
        told = self.told
        return RetryPolicy(
            sleep=self._sleep,
            on_wait=lambda left, reason: told.append((left, reason)),
            **changes,  # type: ignore[arg-type]
        )

    def _sleep(self, seconds: float) -> None:
        assert seconds <= 1.0, "a countdown must be visible"
        self.slept += seconds


def script(*answers: object) -> tuple[Callable[[], object], list[object]]:
    left = list(answers)

    def request() -> object:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return request, left


def test_transient_answers_are_asked_again_and_reported() -> None:
    clock, failures = Clock(), []
    request, left = script(TransientError("a"), TransientError("b"), "done")
    assert clock.policy().run_with_retries(request, lambda: failures.append(1)) == "done"
    assert len(failures) == 2
    assert left == []
    assert 2.0 < clock.slept < 10


def test_tries_are_bounded() -> None:
    request, left = script(*[TransientError("a")] * 20)
    with pytest.raises(TransientError):
        Clock().policy(max_attempts=4).run_with_retries(request)
    assert len(left) == 16


def test_a_limit_is_waited_for_as_long_as_it_says_with_a_countdown() -> None:
    clock, failures = Clock(), []
    request, _ = script(RateLimitExceededError("x", seconds=30.5), "done")
    assert clock.policy().run_with_retries(request, lambda: failures.append(1)) == "done"
    assert clock.slept == 30.5
    assert failures == []
    assert [left for left, _ in clock.told][:3] == [30.5, 29.5, 28.5]


def test_a_limit_that_does_not_say_doubles_from_a_minute() -> None:
    clock = Clock()
    request, _ = script(
        RateLimitExceededError("x", seconds=None), RateLimitExceededError("x", seconds=None), "done"
    )
    clock.policy().run_with_retries(request)
    assert clock.slept == 60 + 120


def test_limits_are_bounded_in_number_and_length() -> None:
    request, left = script(*[RateLimitExceededError("x", seconds=1)] * 20)
    with pytest.raises(RateLimitExceededError):
        Clock().policy(max_rate_limit_waits=3).run_with_retries(request)
    assert len(left) == 17
    clock = Clock()
    request, _ = script(RateLimitExceededError("x", seconds=10**6), "done")
    with pytest.raises(RateLimitExceededError):
        clock.policy().run_with_retries(request)
    assert clock.slept == 0


@pytest.mark.parametrize("error", [NotFoundError("x"), AuthenticationError("x"), ValueError("x")])
def test_everything_else_ends_at_once(error: Exception) -> None:
    request, left = script(error, "done")
    with pytest.raises(type(error)):
        Clock().policy().run_with_retries(request)
    assert left == ["done"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:17:40 GMT"}, 60.0),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1100"}, 101.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "10"}, 1.0),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1100"}, None),
        ({}, None),
    ],
)
def test_how_long_a_limit_lasts(headers: dict[str, str], expected: float | None) -> None:
    assert rate_limit_seconds(headers, now=1000.0) == expected


@pytest.mark.parametrize("clock", [0.0, 1e9, 2e9])
def test_a_clock_that_is_wrong_makes_no_wait_longer(clock: float) -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"  # 784111777
    spent = {"date": date, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "784111800"}
    assert rate_limit_seconds(spent, now=clock) == 24.0
    until = {"date": date, "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT"}
    assert rate_limit_seconds(until, now=clock) == 30.0


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind"),
    [
        (500, {}, "", TransientError),
        (502, {}, "", TransientError),
        (401, {}, "Bad credentials", BadCredentialsError),
        (403, {}, "", TransientError),
        (403, {}, "Resource not accessible", AuthenticationError),
        (403, {}, "API rate limit exceeded for user", RateLimitExceededError),
        (403, {"retry-after": "5"}, "", RateLimitExceededError),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, "", RateLimitExceededError),
        (429, {}, "", RateLimitExceededError),
        (404, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, "", NotFoundError),
        (422, {}, "", NetworkError),
    ],
)
def test_what_http_answers_mean(
    status: int, headers: dict[str, str], message: str, kind: type[Exception]
) -> None:
    assert type(classify_http_error(status, headers, message)) is kind


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([{"type": "NOT_FOUND"}], type(None)),
        ([{"type": "NOT_FOUND"}, {"type": "NOT_FOUND"}], type(None)),
        ([{"type": "NOT_FOUND"}, {"message": "Something went wrong"}], TransientError),
        ([{"type": "RATE_LIMITED"}], RateLimitExceededError),
        ([{"type": "RATE_LIMIT"}], RateLimitExceededError),
        ([{"type": "FORBIDDEN", "message": "SAML"}], AuthenticationError),
        ([{"extensions": {"code": "undefinedField"}}], NetworkError),
        ([{"type": "MAX_NODE_LIMIT_EXCEEDED"}], TransientError),
    ],
)
def test_what_graphql_errors_mean(errors: list[dict[str, object]], kind: type) -> None:
    assert type(classify_query_errors(errors, {})) is kind
