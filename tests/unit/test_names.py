"""The ways to write a pull request, and what an id becomes."""

import pytest

from curate.core.names import (
    is_repo_name,
    make_instance_id,
    parse_pull_name,
    parse_repo_name,
    pull_address,
)


@pytest.mark.parametrize(
    "text",
    [
        "owner__na.me-12",
        "owner/na.me#12",
        "https://github.com/owner/na.me/pull/12",
        "http://github.com/owner/na.me/pull/12/files#diff-1",
        "https://git.lab.example/owner/na.me/pull/12?w=1",
        "github.com/owner/na.me/pull/12"[len("github.com/") :],
        " owner/na.me#12 ",
        "github.com/owner/na.me/pull/12",
        "owner__na.me-12,",
        "owner/na.me#12\r\n",
    ],
)
def test_every_way_to_write_a_pull_request(text: str) -> None:
    assert parse_pull_name(text) == ("owner/na.me", 12)


@pytest.mark.parametrize("text", ["", "owner/name", "owner__name-x", "12", "#12", "o/r/x#1"])
def test_what_names_no_pull_request(text: str) -> None:
    assert parse_pull_name(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "owner/na.me",
        " owner/na.me/\r",
        "owner/na.me.git",
        "github.com/owner/na.me",
        "https://github.com/owner/na.me",
        "https://www.github.com/owner/na.me.git/",
        "https://token@github.com/owner/na.me.git",
        "git@github.com:owner/na.me.git",
        "ssh://git@github.com/owner/na.me",
    ],
)
def test_repositories_and_their_addresses(text: str) -> None:
    assert parse_repo_name(text) == "owner/na.me"


@pytest.mark.parametrize(
    "text", ["", "name", "owner__name", "https://gitlab.com/o/r", "o/r/x", "o r"]
)
def test_what_names_no_repository(text: str) -> None:
    assert parse_repo_name(text) == text
    assert not is_repo_name(parse_repo_name(text))


@pytest.mark.parametrize("repo", ["o/r", "o/a__b-2", "o-o/r-1"])
def test_ids_lead_back_to_the_pull_request(repo: str) -> None:
    assert parse_pull_name(make_instance_id(repo, 7)) == (repo, 7)
    assert parse_pull_name(f"{repo}#7") == (repo, 7)


def test_addresses_are_those_of_the_site_of_the_api() -> None:
    assert pull_address("o/r", 1, "https://api.github.com") == "https://github.com/o/r/pull/1"
    enterprise = "https://git.example/api/v3/"
    assert pull_address("o/r", 1, enterprise) == "https://git.example/o/r/pull/1"
