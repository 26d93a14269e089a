"""`curate crawl` as a user meets it: clones, several repositories, tokens, what is printed."""

import json
from pathlib import Path

import pytest

from curate.recipes import RecipeLibrary
from tests.doubles.github.data import Repository, World
from tests.doubles.github.samples import sample_issue, sample_pull, sample_repository, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, Typed, typed

REPO = "sample/one"
TOKENS = ("ghp_" + "q" * 36, "ghp_" + "w" * 36)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where git goes when it is told to go to github.com."""
    return tmp_path / "site"


@pytest.fixture
def curate(tmp_path: Path, site: Path) -> Curate:
    def run(*arguments: str, double: GitHubDouble, token: str = "") -> Typed:
        variables = {
            "CURATE_GITHUB_API_URL": double.url,
            "GITHUB_TOKEN": token,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{site}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
        return typed(arguments, tmp_path, variables)

    return run


def publish(site: Path, repo: str) -> GitHistory:
    """A repository of one commit where git will look for *repo*."""
    history = GitHistory.new(site / f"{repo}.git")
    history.change({"pkg/a.py": "broken\n"})
    return history


def add_pull(history: GitHistory, data: Repository, number: int, **changes: object) -> None:
    base = history.head()
    history.branch(f"pull-{number}")
    head = history.change({"pkg/a.py": f"{number}\n", f"tests/test_{number}.py": "x\n"})
    history.checkout("main")
    history.pull_ref(number, head)
    closing = [{"repo": data.name, "number": number + 1000}]
    data.issues[number + 1000] = sample_issue(number + 1000, updatedAt=stamp(1))
    data.pulls[number] = sample_pull(
        number, baseRefOid=base, headRefOid=head, mergeCommit=None, closing=closing, **changes
    )


def test_a_clone_is_updated_only_when_heads_are_missing(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    with GitHubDouble(World(data)) as double:
        first = curate("crawl", REPO, "--json", double=double)
        assert json.loads(first.stdout)[REPO]["candidates"] == 1
        add_pull(history, data, 2)
        second = curate("crawl", REPO, "--json", double=double)
        assert json.loads(second.stdout)[REPO]["candidates"] == 1
        assert second.stderr.count("Updating the mirror") == 1
        site.rename(tmp_path / "gone")
        third = curate("crawl", REPO, double=double)
    assert (third.returncode, third.stdout) == (0, "")
    assert "Updating" not in third.stderr


def test_all_repositories_that_have_a_recipe(curate: Curate, site: Path) -> None:
    first, second, *others = [recipe.repo for recipe in RecipeLibrary()]
    world = World(Repository.of(first), Repository.of(second))
    for name in (first, second):
        add_pull(publish(site, name), world[name], 1)
    with GitHubDouble(world) as double:
        done = curate("crawl", "--all", "--json", double=double)
    assert sorted(json.loads(done.stdout)) == sorted([first, second])
    assert (done.returncode, bool(others)) == (4, True)
    assert done.stderr.count("not found on GitHub") == len(others)


@pytest.mark.parametrize("arguments", [(), ("--all", REPO)])
def test_either_names_or_all(curate: Curate, arguments: tuple[str, ...]) -> None:
    with GitHubDouble(World()) as double:
        done = curate("crawl", *arguments, double=double)
    assert done.returncode == 2
    assert "--all" in done.stderr


def test_several_tokens_one_of_them_refused(curate: Curate, site: Path) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    with GitHubDouble(World(data), token=TOKENS[1]) as double:
        done = curate("crawl", REPO, double=double, token=", ".join(TOKENS))
    assert done.returncode == 0
    assert "token 1 of 2" in done.stderr
    assert not any(token[:8] in done.stderr + done.stdout for token in TOKENS)


def test_what_is_said_in_the_end(curate: Curate, site: Path) -> None:
    publish(site, REPO)
    with GitHubDouble(World(sample_repository(REPO, 3))) as double:
        done = curate("crawl", REPO, double=double)
    assert "3 PRs and 0 updated issues fetched, 0 new candidates; 1 requests" in done.stderr
    assert "3 missing-objects" in done.stderr
