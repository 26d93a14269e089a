from pathlib import Path

import pytest

from curate.core.errors import ConfigurationError
from curate.core.names import website_url
from curate.github.hosts import token_host
from curate.github.tokens import TokenPool, find_tokens, read_tokens


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


@pytest.mark.parametrize(
    ("api_url", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://api.octo.ghe.com", "octo.ghe.com"),
        ("https://git.corp/api/v3", "git.corp"),
        ("https://API.git.corp/api/v3", "api.git.corp"),
        ("http://user@127.0.0.1:80", "127.0.0.1:80"),
    ],
)
def test_the_host_that_a_token_must_be_for(api_url: str, host: str) -> None:
    assert token_host(api_url) == host


@pytest.mark.parametrize(
    ("api_url", "site"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://git.corp/api/v3/", "https://git.corp"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com"),
        ("http://127.0.0.1:80", "https://github.com"),
    ],
)
def test_the_website_of_an_api(api_url: str, site: str) -> None:
    assert website_url(api_url) == site


def test_a_login_of_another_host_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("github.com: {oauth_token: theirs}\n")
    environment = {"GH_CONFIG_DIR": str(tmp_path), "PATH": ""}
    assert find_tokens(environment, "https://api.github.com") == ("theirs",)
    assert find_tokens(environment, "https://git.corp/api/v3") == ()


@pytest.mark.parametrize("text", ["", "[", "a: [b]", "- x", "\x00", "github.com: {users: 5}"])
def test_a_hosts_file_that_is_odd_has_no_token(tmp_path: Path, text: str) -> None:
    (tmp_path / "hosts.yml").write_text(text)
    environment = {"GH_CONFIG_DIR": str(tmp_path), "PATH": ""}
    assert find_tokens(environment, "https://api.github.com") == ()
