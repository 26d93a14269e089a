import pytest

from curate.core.errors import ConfigurationError
from curate.github.tokens import TokenPool, read_tokens


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ()),
        ({"GITHUB_TOKEN": " a "}, ("a",)),
        ({"GITHUB_TOKEN": "a,b, c\n"}, ("a", "b", "c")),
        ({"GITHUB_TOKENS": "a,b", "GITHUB_TOKEN": "b,c"}, ("a", "b", "c")),
        ({"GITHUB_TOKENS": ",", "GITHUB_TOKEN": ""}, ()),
    ],
)
def test_tokens_of_the_environment(environment: dict[str, str], expected: tuple[str, ...]) -> None:
    assert read_tokens(environment) == expected


def test_what_is_no_token_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_tokens({"GITHUB_TOKEN": "good,geheim\u00fc"})
    assert "geheim" not in str(refused.value) + refused.value.hint


def test_a_lane_does_not_show_its_token() -> None:
    assert "secret" not in repr(TokenPool(["secret"]).choose_token())


def test_the_token_with_most_points_left_is_used() -> None:
    pool = TokenPool(["a", "b"])
    pool.choose_token().remaining = 10
    assert pool.choose_token().value == "b"
    pool.choose_token().remaining = 5
    assert pool.choose_token().value == "a"
    assert pool.total_remaining == 15


def test_a_resting_token_is_used_when_nothing_else_is_left_or_its_time_is_over() -> None:
    now = [100.0]
    pool = TokenPool(["a", "b"], now=lambda: now[0])
    first = pool.choose_token()
    assert pool.mark_rate_limited(first, 50) == 0.0
    second = pool.choose_token()
    assert second is not first
    assert pool.mark_rate_limited(second, None) == 50.0
    now[0] = 151.0
    assert pool.choose_token() is first
    assert pool.remove(first)
    assert not pool.remove(second)
    assert pool.mark_rate_limited(second, None) is None
    assert pool.mark_rate_limited(second, 0) == 1.0
