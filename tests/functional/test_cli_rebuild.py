"""`curate rebuild`: the real failure is named, and nothing leaves the machine unasked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.core.model import CrawlState
from curate.store import Store
from tests.doubles.github.data import World
from tests.doubles.github.samples import sample_repository
from tests.doubles.github.server import GitHubDouble
from tests.doubles.hub import HubDouble
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, Typed, typed

REPO = "sample/one"
HUB = ("--hub", "curator/tasks")


@pytest.fixture
def github() -> Iterator[GitHubDouble]:
    """It knows one repository of three pulls without candidates."""
    with GitHubDouble(World(sample_repository(REPO, 3)), token="right") as double:
        yield double


@pytest.fixture
def curate(tmp_path: Path, github: GitHubDouble) -> Curate:
    """`curate rebuild` where the repository is mirrored."""
    history = GitHistory.new(tmp_path / "work")
    history.change({"pkg/a.py": "broken\n"})
    history.mirror(tmp_path / "mirror.git")
    link = tmp_path / "data/mirrors/sample__one.git"  # a linked mirror is not fetched into
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "mirror.git")

    def run(*arguments: str, **variables: str) -> Typed:
        own = {"CURATE_GITHUB_API_URL": github.url, "GITHUB_TOKEN": "right", **variables}
        return typed(("rebuild", *arguments), tmp_path, own)

    return run


def save_verified(folder: Path) -> None:
    with Store(folder) as store:
        store.save_page("owner/name", [make_pull(7, repo="owner/name")], CrawlState())
        store.save_candidate(make_candidate())
        store.save_validation("owner/name", make_validation())


def test_what_was_done_and_what_is_left(curate: Curate, tmp_path: Path) -> None:
    done = curate(REPO, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    counts = result["repositories"][REPO]
    assert (counts["attempted"], counts["left"], counts["problem"]) == (0, 0, None)
    assert (tmp_path / result["release"]["folder"] / "SHA256SUMS").exists()
    assert f"{REPO}: 0 attempted" in done.stderr


def test_a_repository_that_the_time_did_not_reach_is_named(curate: Curate) -> None:
    done = curate(REPO, "--max-time", "0s", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["repositories"][REPO]["left"] is None
    assert f"{REPO}: not reached" in done.stderr


@pytest.mark.parametrize(
    ("repo", "variables", "code"),
    [
        (REPO, {"GITHUB_TOKEN": "wrong"}, 5),
        ("nobody/nothing", {}, 4),
        (REPO, {"CURATE_GITHUB_API_URL": "http://127.0.0.1:9"}, 6),
    ],
)
@pytest.mark.parametrize("has_rows", [False, True])
def test_the_first_failure_decides_and_not_the_release(
    curate: Curate,
    tmp_path: Path,
    repo: str,
    variables: dict[str, str],
    code: int,
    has_rows: bool,
) -> None:
    if has_rows:
        save_verified(tmp_path / "data")
    done = curate(repo, "--json", **variables)
    assert done.returncode == code, done.stderr
    assert f"1 of 1 repositories failed, the first {repo}: " in done.stderr
    result = json.loads(done.stdout)
    assert result["repositories"][repo]["problem"]["exit_code"] == code
    assert bool(result["release"]) == has_rows


def test_nothing_leaves_the_machine_unless_publish_is_said(
    curate: Curate, github: GitHubDouble, tmp_path: Path
) -> None:
    save_verified(tmp_path / "data")
    with HubDouble() as hub:
        own = hub.environment(tmp_path / "huggingface")
        kept = curate(REPO, *HUB, **own)
        assert (kept.returncode, hub.requests) == (0, []), kept.stderr
        assert "Nothing was pushed. Next: curate publish --hub curator/tasks" in kept.stderr
        # A process of its own, as the Hub's client reads its variables when it is imported.
        command = [sys.executable, "-m", "curate", "rebuild", REPO, *HUB, "--publish", "--json"]
        command.append("--allow-local-images")
        variables = {
            **os.environ,
            **own,
            "CURATE_GITHUB_API_URL": github.url,
            "GITHUB_TOKEN": "right",
        }
        pushed = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
    assert pushed.returncode == 0, pushed.stderr
    assert json.loads(pushed.stdout)["release"]["commit"]


def test_publish_needs_to_know_where_to(curate: Curate, tmp_path: Path) -> None:
    done = curate(REPO, "--publish")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--hub or --registry" in done.stderr
    assert not (tmp_path / "data/curate.sqlite").exists()


@pytest.mark.parametrize("name", ["nothing", "a b/c", "-x/y?", "a/b/c", "ä/ö"])
def test_a_name_that_is_none_ends_the_call_before_any_work(curate: Curate, name: str) -> None:
    done = curate("--", REPO, name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "OWNER/NAME" in done.stderr and "attempted" not in done.stderr


def test_a_repository_is_found_in_any_case(curate: Curate, tmp_path: Path) -> None:
    assert curate(REPO).returncode == 0
    assert list(json.loads(curate("SAMPLE/One", REPO, "--json").stdout)["repositories"]) == [REPO]
