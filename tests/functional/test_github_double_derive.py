"""Pulls derived from a real git history that holds every way of merging."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.doubles.github import GitHubDouble, World
from tests.doubles.github.__main__ import main
from tests.doubles.github.data import Repository
from tests.doubles.github.derive import derive
from tests.doubles.github.history import History
from tests.doubles.github.links import SYNTHETIC

START = 1_600_000_000


class Git:
    """A repository whose every commit is an hour after the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hours = 0
        path.mkdir()
        self("init", "-q", "-b", "trunk")

    def __call__(self, *arguments: str) -> str:
        date = f"{START + 3600 * self.hours} +0000"
        who = {"NAME": "Ann Lee", "EMAIL": "12+ann@users.noreply.github.com", "DATE": date}
        roles = ("AUTHOR", "COMMITTER")
        named = {f"GIT_{role}_{key}": it for role in roles for key, it in who.items()}
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **named},
        )
        return done.stdout.strip()

    def commit(self, message: str, file: str = "file") -> str:
        self.hours += 1
        with (self.path / file).open("a") as out:
            out.write(f"{self.hours}\n")
        self("add", ".")
        self("commit", "-q", "-m", message)
        return self("rev-parse", "HEAD")

    def start(self, number: int, base: str = "trunk") -> None:
        self("checkout", "-q", "-B", f"work-{number}", base)

    def propose(self, number: int) -> str:
        """The current branch becomes the head of a pull."""
        self("update-ref", f"refs/pull/{number}/head", "HEAD")
        self("checkout", "-q", "trunk")
        self("branch", "-q", "-D", f"work-{number}")
        return self("rev-parse", f"refs/pull/{number}/head")

    def squash(self, number: int, message: str) -> str:
        self("merge", "-q", "--squash", f"refs/pull/{number}/head")
        self.hours += 1
        self("commit", "-q", "-m", message)
        return self("rev-parse", "HEAD")


def stamp(hours: int) -> str:
    return datetime.fromtimestamp(START + 3600 * hours, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The repository and what each step of it was: name -> object id."""
    git = Git(tmp_path_factory.mktemp("git") / "project")
    oids = {"root": git.commit("Start")}
    git.start(1)
    oids["1a"] = git.commit("Begin", "one")  # hour 2
    oids["1b"] = git.commit("Go on, fixes #90", "one")
    git.propose(1)
    oids["between"] = git.commit("Meanwhile")  # hour 4
    oids["squash"] = git.squash(1, "Add one (#1)\n\nIn two steps.")  # hour 5

    git.start(2, oids["root"])
    oids["2a"] = git.commit("Add two", "two")  # hour 6: the branch has moved since its fork
    git.propose(2)
    git.hours += 1
    message = "Merge pull request #2 from ann/two\n\nA title\n\nCloses #91"
    git("merge", "-q", "--no-ff", "-m", message, "refs/pull/2/head")
    oids["merge"] = git("rev-parse", "HEAD")

    git.start(3)
    oids["3a"] = git.commit("Add three", "three")  # hour 8
    oids["3b"] = git.commit("Add four", "three")
    git.propose(3)
    oids["onto"] = git.commit("Elsewhere")  # hour 10
    for name in ("3a", "3b"):
        author = git("show", "-s", "--format=%at", oids[name])
        git("cherry-pick", oids[name])
        git("commit", "-q", "--amend", "--no-edit", f"--date={author} +0000")
    oids["rebased"] = git("rev-parse", "HEAD")

    git.start(4)
    git.commit("Never merged", "four")
    git.propose(4)

    git("checkout", "-q", "-b", "stable", oids["squash"])
    git.start(5, "stable")
    git.commit("Backport", "five")
    git.propose(5)
    git("checkout", "-q", "stable")
    oids["backport"] = git.squash(5, "Backport, see #77, fixes #92 (#5)")
    git("checkout", "-q", "trunk")

    git("checkout", "-q", "--orphan", "work-6")
    git.commit("Unrelated")
    git.propose(6)
    git.commit("Sync with the other project (#6)")
    git.start(7)
    git.commit("Quiet work, like #4 and #78", "seven")
    git.propose(7)
    git.squash(7, "Quiet work (#7)")

    _picked_and_copied(git, oids)
    return git.path, oids


def _picked_and_copied(git: Git, oids: dict[str, str]) -> None:
    """A squash with a copy on another branch, and a head that is itself a copy."""
    git("checkout", "-q", "-b", "next")
    git.commit("Only on next")
    git.start(8, "next")
    git.commit("Add eight", "eight")
    git.propose(8)
    git("cherry-pick", "refs/pull/8/head")
    git("commit", "-q", "--amend", "-m", "Add eight (#8)")
    git("checkout", "-q", "next")
    oids["nearest"] = git.squash(8, "Add eight (#8)")

    git.hours += 48
    git.start(9, "stable")
    git.commit("Meanwhile", "nine")  # a copy of what was on trunk long before
    git("commit", "-q", "--amend", "--no-edit", "--date", f"{START + 3600 * 4} +0000")
    git.propose(9)


@pytest.fixture(scope="module")
def repository(told: tuple[Path, dict[str, str]]) -> Repository:
    return derive(told[0], "owner/name", always={5, 7}, extra={3: [93]})


def test_only_merged_pulls_are_found(repository: Repository) -> None:
    assert sorted(repository.pulls) == [1, 2, 3, 5, 7, 8]
    assert repository.facts["defaultBranch"] == "trunk"


def test_a_squash(told: tuple[Path, dict[str, str]], repository: Repository) -> None:
    _, oids = told
    pull = repository.pulls[1]
    assert (pull["title"], pull["body"]) == ("Add one", "In two steps.")
    assert pull["headRefOid"] == oids["1b"]
    assert pull["mergeCommit"]["oid"] == oids["squash"]
    assert [it["oid"] for it in pull["commits"]] == [oids["1a"], oids["1b"]]
    assert pull["baseRefOid"] == oids["root"]
    assert (pull["createdAt"], pull["mergedAt"]) == (stamp(2), stamp(5))
    assert pull["author"] == "ann"
    assert pull["closing"] == [{"repo": "owner/name", "number": 90}]


def test_a_merge_whose_base_moved_before_the_pull_was_made(
    told: tuple[Path, dict[str, str]], repository: Repository
) -> None:
    _, oids = told
    pull = repository.pulls[2]
    assert (pull["title"], pull["body"], pull["headRefName"]) == ("A title", "Closes #91", "two")
    assert pull["mergeCommit"]["oid"] == oids["merge"]
    assert pull["baseRefOid"] == oids["squash"]
    assert [it["oid"] for it in pull["commits"]] == [oids["2a"]]


def test_of_two_squashes_the_one_nearest_to_the_head(
    told: tuple[Path, dict[str, str]], repository: Repository
) -> None:
    _, oids = told
    assert repository.pulls[8]["mergeCommit"]["oid"] == oids["nearest"]


def test_rebased_commits(told: tuple[Path, dict[str, str]], repository: Repository) -> None:
    _, oids = told
    pull = repository.pulls[3]
    assert pull["mergeCommit"]["oid"] == oids["rebased"]
    assert [it["oid"] for it in pull["commits"]] == [oids["3a"], oids["3b"]]
    assert pull["baseRefOid"] == oids["merge"]
    assert pull["title"] == "Add three"
    assert pull["closing"] == [{"repo": "owner/name", "number": 93}]


def test_a_pull_on_another_branch(
    told: tuple[Path, dict[str, str]], repository: Repository
) -> None:
    _, oids = told
    pull = repository.pulls[5]
    assert pull["mergeCommit"]["oid"] == oids["backport"]
    assert pull["baseRefName"] == "stable"
    assert [it["number"] for it in pull["closing"]] == [92]


def test_pulls_off_the_default_branch_have_no_reference_unless_asked_for(
    told: tuple[Path, dict[str, str]],
) -> None:
    assert derive(told[0], "owner/name").pulls[5]["closing"] == []


def test_mentions_serve_where_an_issue_must_be_and_pulls_are_no_issues(
    told: tuple[Path, dict[str, str]], repository: Repository
) -> None:
    assert [it["number"] for it in repository.pulls[7]["closing"]] == [78]
    assert derive(told[0], "owner/name").pulls[7]["closing"] == []


def test_an_issue_is_made_up_where_nothing_is_mentioned(told: tuple[Path, dict[str, str]]) -> None:
    pull = derive(told[0], "owner/name", always={3}).pulls[3]
    assert [it["number"] for it in pull["closing"]] == [SYNTHETIC + 3]


def test_every_link_leads_to_an_issue_with_a_comment_before_the_pull(
    repository: Repository,
) -> None:
    for pull in repository.pulls.values():
        for link in pull["closing"]:
            comments = repository.issues[link["number"]]["comments"]
            assert comments[0]["createdAt"] < pull["createdAt"] <= comments[1]["createdAt"]


def test_merge_bases_agree_with_git(told: tuple[Path, dict[str, str]]) -> None:
    path, _ = told
    history = History.read(path)
    every = list(history.commits)
    for base in every:
        for head in every:
            own, _fork = history.own(base, head)
            listed = subprocess.run(
                ["git", "-C", str(path), "rev-list", f"{base}..{head}"],
                check=True,
                capture_output=True,
                text=True,
            )
            assert {it.oid for it in own} == set(listed.stdout.split())


def test_the_command_writes_what_the_server_reads(
    told: tuple[Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "links.json").write_text('{"3": [93]}')
    (tmp_path / "always").write_text("5\n7\n")
    options = ["--links", str(tmp_path / "links.json"), "--always", str(tmp_path / "always")]
    main(["derive", str(told[0]), "owner/name", str(tmp_path / "out"), *options])
    assert '"pulls": 6' in capsys.readouterr().out
    world = World.load(tmp_path / "out")
    assert world["owner/name"].pulls[3]["closing"] == [{"repo": "owner/name", "number": 93}]
    with GitHubDouble(world) as double:
        assert double.url.startswith("http://127.0.0.1:")
