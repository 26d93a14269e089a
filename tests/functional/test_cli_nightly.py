"""`curate nightly`, and what `curate rebuild` says and refuses: the parts of a night."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import CrawlState
from curate.store import Store
from curate.store.process_lock import CRAWL, VALIDATION, process_lock
from tests.doubles.github.data import World
from tests.doubles.github.samples import sample_issue, sample_repository
from tests.doubles.github.server import GitHubDouble
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, Typed, typed

ONE, TWO = "sample/one", "sample/two"
HOME = "lab/tasks"  # where issues are opened
RECIPE = 'repo = "{}"\nimport_name = "pkg"\n[[env]]\n'


@pytest.fixture
def github() -> Iterator[GitHubDouble]:
    world = World(*(sample_repository(name, 3) for name in (ONE, TWO, HOME)))
    with GitHubDouble(world, token="right") as double:
        yield double


@pytest.fixture
def curate(tmp_path: Path, github: GitHubDouble) -> Curate:
    """Commands where both repositories are mirrored and have a recipe."""
    history = GitHistory.new(tmp_path / "work")
    history.change({"pkg/a.py": "broken\n"})
    (tmp_path / "recipes").mkdir()
    for repo in (ONE, TWO):
        name = repo.replace("/", "__")
        history.mirror(tmp_path / f"{name}.git")
        link = tmp_path / f"data/mirrors/{name}.git"  # a linked mirror is not fetched into
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / f"{name}.git")
        (tmp_path / f"recipes/{name}.toml").write_text(RECIPE.format(repo))

    def run(*arguments: str, **variables: str) -> Typed:
        own = {
            "CURATE_GITHUB_API_URL": github.url,
            "CURATE_RECIPES_DIR": "recipes",
            "GITHUB_TOKEN": "right",
            "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        }
        return typed(arguments, tmp_path, own | variables)

    return run


def save_pending(folder: Path, repo: str = ONE, count: int = 1) -> None:
    """Store candidates of *repo* without a verdict."""
    name = repo.replace("/", "__")
    with Store(folder / "data") as store:
        for n in range(201, 201 + count):
            store.save_candidate(
                make_candidate(instance_id=f"{name}-{n}", repo=repo, pull_number=n)
            )


def save_verified(folder: Path) -> None:
    with Store(folder / "data") as store:
        store.save_page("owner/name", [make_pull(7, repo="owner/name")], CrawlState())
        store.save_candidate(make_candidate())
        store.save_validation("owner/name", make_validation())


@pytest.mark.parametrize(
    "option",
    [
        *(("--max-time", it) for it in ("0", "5", "-1h", "1d", "nan", "inf", "", " ")),
        ("--max-time", "9" * 400 + "h"),
        *(("--certify", it) for it in ("0%", "0.0%", "200%", "100.1%", "abc", "10", "-5%")),
        *(("--certify", it) for it in ("nan%", "%", "inf%", "10%%")),
        ("--report", "recipes"),
        ("--report", "recipes/sample__one.toml/report.md"),
    ],
)  # fmt: skip
def test_an_option_that_means_nothing_ends_the_call_before_any_work(
    curate: Curate, github: GitHubDouble, tmp_path: Path, option: tuple[str, str]
) -> None:
    done = curate("rebuild", ONE, f"{option[0]}={option[1]}")
    if not option[1]:
        assert done.returncode == 0  # as if it was not given
        return
    assert (done.returncode, done.stdout, github.requests) == (2, "", []), done.stderr
    assert not (tmp_path / "data/curate.sqlite").exists()


def test_two_nights_at_once_are_one_too_many(curate: Curate, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    with process_lock(tmp_path / "data", CRAWL):
        done = curate("rebuild", ONE)
    assert (done.returncode, "Another process of curate" in done.stderr) == (7, True)


def test_a_validation_elsewhere_leaves_the_crawl_and_the_release(
    curate: Curate, tmp_path: Path
) -> None:
    save_pending(tmp_path)
    with process_lock(tmp_path / "data", VALIDATION):
        done = curate("rebuild", ONE, TWO, "--sandbox", "local", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["problems"][ONE]["exit_code"] == 7
    assert document["repositories"][TWO]["problem"] is None
    assert document["release"]["is_written"]


def test_without_an_engine_all_is_crawled_and_the_release_written(
    curate: Curate, tmp_path: Path
) -> None:
    save_pending(tmp_path, ONE, 2)
    save_pending(tmp_path, TWO, 3)
    done = curate("rebuild", ONE, TWO, "--json", "--report", "night/report.md")
    document = json.loads(done.stdout)
    assert (done.returncode, document["totals"]["pulls"]) == (3, 6), done.stderr
    left = [document["repositories"][repo]["left"] for repo in (ONE, TWO)]
    assert left == [2, 3] and document["release"]["rows"] == {"raw": 5}
    assert done.stderr.count("Start Docker") == 1  # it was tried once
    report = (tmp_path / "night/report.md").read_text()
    assert "## Problems" in report and "Start Docker" in report


def test_a_recipe_that_cannot_be_read_stops_nobody(curate: Curate, tmp_path: Path) -> None:
    save_pending(tmp_path)
    (tmp_path / "recipes/sample__one.toml").write_text("repo = ")
    for named in ((ONE, TWO), ()):  # the others have no mirror here, so they are not crawled
        done = curate("rebuild", *named, *(() if named else ("--max-time", "0s")), "--json")
        document = json.loads(done.stdout)
        assert {ONE, TWO} <= document["repositories"].keys()
        assert document["repositories"][ONE]["attempted"] == 0
        if named:
            assert (done.returncode, list(document["problems"])) == (2, [ONE]), done.stderr
            assert document["repositories"][TWO]["pulls"] == 3


def test_candidates_of_an_unknown_shard_stop_nobody(curate: Curate, tmp_path: Path) -> None:
    save_pending(tmp_path)  # at a commit that the mirror does not have
    done = curate("rebuild", ONE, TWO, "--shard", "1/1", "--sandbox", "local", "--json")
    document = json.loads(done.stdout)
    problem = document["repositories"][ONE]["problem"]
    assert (done.returncode, problem["exit_code"]) == (4, 4), done.stderr
    assert "The shards of 1 candidates are not known" in problem["message"]
    assert document["repositories"][TWO]["problem"] is None
    assert document["release"] is not None


def test_a_night_without_time_crawls_nothing_and_releases_what_there_is(
    curate: Curate, tmp_path: Path, github: GitHubDouble
) -> None:
    save_verified(tmp_path)
    done = curate("rebuild", ONE, TWO, "--max-time", "0s", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, github.requests) == (0, [])
    assert document["out_of_time"] and document["release"]["rows"] == {"train": 1, "raw": 1}


def test_a_wait_that_would_outlast_the_night_ends_it(
    curate: Curate, github: GitHubDouble, tmp_path: Path
) -> None:
    github.ledger("right").charge(5000)
    done = curate("rebuild", ONE, "--max-time", "1m", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["problems"]) == (0, {}), done.stderr
    assert document["out_of_time"] and document["repositories"][ONE]["is_cut_off"]


def test_the_release_is_written_again_only_if_something_changed(
    curate: Curate, tmp_path: Path
) -> None:
    save_verified(tmp_path)
    first = json.loads(curate("rebuild", ONE, "--json").stdout)["release"]
    assert (first["is_written"], first["is_changed"]) == (True, True)
    assert [(it["split"], it["added"]) for it in first["diff"]] == [
        ("raw", ["owner__name-7"]),
        ("train", ["owner__name-7"]),
    ]
    again = json.loads(curate("rebuild", ONE, "--json").stdout)
    assert (again["new"], again["release"]["is_written"]) == (False, False)
    diff = json.loads((tmp_path / "data/release-diff.json").read_text())
    assert [it["split"] for it in diff] == ["raw", "train"]  # it stays, as the release does
    assert "- added: owner__name-7" in (tmp_path / "data/release-diff.md").read_text()

    assert curate("exclude", "owner__name-7", "--reason", "unclear").returncode == 0
    third = json.loads(curate("rebuild", ONE, "--json").stdout)["release"]
    assert [(it["split"], it["removed"]) for it in third["diff"]] == [
        ("raw", ["owner__name-7"]),
        ("train", ["owner__name-7"]),
    ]

    (tmp_path / "data/release/README.md").write_text("spoiled")
    fourth = json.loads(curate("rebuild", ONE, "--json").stdout)["release"]
    assert fourth["is_written"]
    assert curate("publish", "check").returncode == 0


def job(repo: str, index: int, count: int) -> dict[str, str]:
    folder = repo.replace("/", "__")
    name = f"{folder}-{index}-of-{count}"
    return {"repo": repo, "shard": f"{index}/{count}", "folder": folder, "name": name}


def test_jobs_go_where_most_is_pending(curate: Curate, tmp_path: Path) -> None:
    save_pending(tmp_path, TWO, 5)
    done = curate("nightly", "jobs", ONE, TWO, "--jobs", "4")
    assert json.loads(done.stdout) == {
        "include": [
            job(ONE, 1, 1),
            job(TWO, 1, 3),
            job(TWO, 2, 3),
            job(TWO, 3, 3),
        ]
    }
    assert done.stdout.count("\n") == 1
    many = json.loads(curate("nightly", "jobs", TWO, "--jobs", "99").stdout)["include"]
    assert len(many) == 5  # none without a candidate


def test_reports_of_several_jobs_become_one(curate: Curate, tmp_path: Path) -> None:
    for repo, file in ((ONE, "one.json"), (TWO, "two.json")):
        assert curate("rebuild", repo, "--report", file).returncode == 0
    (tmp_path / "broken.json").write_text("{")
    reports = ("one.json", "two.json", "none.json", "broken.json")
    done = curate("nightly", "report", *reports, "--output", "all.md", "--output", "all.json")
    assert done.returncode == 0
    assert "none.json is no report" in done.stderr and "broken.json is no report" in done.stderr
    document = json.loads((tmp_path / "all.json").read_text())
    assert list(document["repositories"]) == [ONE, TWO]
    assert document["totals"]["pulls"] == 6
    text = (tmp_path / "all.md").read_text()
    assert f"| {ONE} | 3 |" in text and f"| {TWO} | 3 |" in text
    assert curate("nightly", "report", "none.json", "--output", "x.md").returncode == 2


def drift_report(folder: Path, *messages: str) -> str:
    """Write a report in which so much drifts; return its path."""
    told = [{"instance_id": "a__b-1", "message": it} for it in messages]
    certification: dict[str, Any] = {"standing": told, "drift": told, "certified": []}
    document = {"repositories": {}, "certification": certification}
    (folder / "drift.json").write_text(json.dumps(document))
    return "drift.json"


def test_an_issue_on_drift_is_opened_once_updated_and_closed(
    curate: Curate, github: GitHubDouble, tmp_path: Path
) -> None:
    issues = github.world[HOME].issues
    title = "Published instances have drifted"
    issues[1] |= {"title": title, "state": "OPEN"}  # of somebody else: it has no label
    issues[99] = sample_issue(99, title=title, state="CLOSED", labels=["curate-drift"])

    def run(*messages: str) -> str:
        done = curate("nightly", "issue", drift_report(tmp_path, *messages), "--repo", HOME)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "no issue" in run()
    assert f"{HOME}#100: opened" in run("a__b-1: test_x: failed | in 2 of 3 @everyone")
    assert issues[100]["labels"] == ["curate-drift"]
    assert "failed \\| in 2 of 3 @\u200beveryone" in issues[100]["body"]
    assert f"{HOME}#100: unchanged" in run("a__b-1: test_x: failed | in 2 of 3 @everyone")
    assert f"{HOME}#100: updated" in run("other")
    assert "- other" in issues[100]["body"] and len(issues) == 5
    assert f"{HOME}#100: closed" in run()
    assert issues[100]["state"] == "CLOSED"
    assert f"{HOME}#101: opened" in run(*(f"instance {n} " * 20 for n in range(1000)))
    assert len(issues[101]["body"]) < 65_536 and "more lines" in issues[101]["body"]
    assert issues[1]["body"] == "Something is wrong in 1."


def test_an_issue_that_cannot_be_written_is_an_error(
    curate: Curate, github: GitHubDouble, tmp_path: Path
) -> None:
    report = drift_report(tmp_path, "it drifts")
    assert curate("nightly", "issue", report, "--repo", "nobody/nothing").returncode == 4
    github.refusals[f"/repos/{HOME}/issues"] = (403, "Resource not accessible by integration")
    done = curate("nightly", "issue", report, "--repo", HOME)
    assert (done.returncode, "not accessible" in done.stderr) == (5, True)
    assert curate("nightly", "issue", "none.json", "--repo", HOME).returncode == 2
