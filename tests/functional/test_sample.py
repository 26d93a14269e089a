"""The invented project of the quick start: a history that never changes, and sound expectations."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.demo.check import funnel_differences, pull_differences, row_differences
from tests.demo.history import History, write_history
from tests.demo.sample import VERIFIED, load
from tests.demo.world import make_repository
from tests.helpers.fakes import not_none

SAMPLE = load()
# Changes only when data/sample does; any other difference means that git or this machine leaks in.
TIP = "86932442"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return write_history(SAMPLE, tmp_path_factory.mktemp("sample") / "mirror.git")


def git(mirror: Path, *args: str) -> str:
    command = ["git", "-C", str(mirror), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_history_is_the_same_each_time(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[core]\n\tautocrlf = true\n[merge]\n\tff = only\n")
    again = write_history(SAMPLE, tmp_path / "again.git")
    assert again.landed == history.landed
    assert git(history.mirror, "for-each-ref") == git(again.mirror, "for-each-ref")
    assert git(history.mirror, "rev-parse", "main").startswith(TIP)


def test_a_mirror_is_made_anew(history: History, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror.git"
    mirror.mkdir()
    (mirror / "rubbish").touch()
    write_history(SAMPLE, mirror)
    assert not (mirror / "rubbish").exists()


def test_refs_are_those_of_a_github_mirror(history: History) -> None:
    refs = git(history.mirror, "for-each-ref", "--format=%(refname)").split()
    pulls = {f"refs/pull/{pull.number}/head" for pull in SAMPLE.pulls}
    assert set(refs) == {"refs/heads/main", "refs/tags/v0.1", "refs/tags/v0.2", *pulls}
    assert git(history.mirror, "fsck", "--full", "--strict") == ""


def test_merge_styles(history: History) -> None:
    parents = {
        pull.number: git(history.mirror, "rev-list", "-1", "--parents", landed.merge.oid).split()[
            1:
        ]
        for pull in SAMPLE.pulls
        if (landed := history.landed[pull.number]).merge
    }
    for pull in SAMPLE.pulls:
        landed = history.landed[pull.number]
        if pull.style == "merge":
            assert parents[pull.number] == [landed.base_commit, landed.head_commit]
        elif pull.style == "squash":
            assert parents[pull.number] == [landed.base_commit]
            assert not_none(landed.merge).oid != landed.head_commit
        elif pull.style == "rebase":
            log = git(
                history.mirror,
                "log",
                "--format=%B",
                f"{landed.base_commit}..{not_none(landed.merge).oid}",
            )
            assert all(commit.message in log for commit in landed.commits)


def test_every_patch_applies_at_its_base(history: History) -> None:
    for number, landed in history.landed.items():
        trees = [git(history.mirror, "merge-base", landed.base_commit, landed.head_commit).strip()]
        trees.append(landed.head_commit)
        changed = git(history.mirror, "diff", "--name-only", *trees).split()
        assert changed, f"#{number} changes nothing"
        drift = git(history.mirror, "diff", "--name-only", trees[0], landed.base_commit).split()
        assert not set(drift) & set(changed)


def test_one_base_branch_is_ahead_of_the_fork_point(history: History) -> None:
    landed = history.landed[24]
    fork = git(history.mirror, "merge-base", landed.base_commit, landed.head_commit).strip()
    assert fork != landed.base_commit


def test_dates_follow_the_numbers() -> None:
    merged = [pull.merged for pull in SAMPLE.pulls if pull.merged]
    assert merged == sorted(merged)
    for older, newer in zip(SAMPLE.pulls, SAMPLE.pulls[1:], strict=False):
        assert (older.merged or older.created) < newer.created
    issues = {issue.number: issue for issue in SAMPLE.issues}
    for pull in SAMPLE.pulls:
        assert all(issues[number].created < pull.created for number in pull.github_links)


def test_issues_and_pulls_share_one_row_of_numbers() -> None:
    numbers = Counter([it.number for it in SAMPLE.issues] + [it.number for it in SAMPLE.pulls])
    assert max(numbers.values()) == 1


def test_expectations_are_consistent() -> None:
    for pull in SAMPLE.pulls:
        assert bool(pull.expected) == bool(pull.merged), pull.number
        assert bool(pull.fail_to_pass) == (pull.expected == VERIFIED), pull.number
    funnel = SAMPLE.expected_funnel()
    assert funnel["verified"] + sum(funnel["rejected"].values()) == funnel["pulls"]
    assert len(SAMPLE.pulls) >= 10


def test_the_world_agrees_with_git(history: History) -> None:
    world = make_repository(SAMPLE, history)
    for number, pull in world.pulls.items():
        head = git(history.mirror, "rev-parse", f"refs/pull/{number}/head").strip()
        assert pull["headRefOid"] == head == pull["commits"][-1]["oid"]
        assert (pull["state"] == "MERGED") == bool(pull["mergeCommit"]) == bool(pull["mergedAt"])
    first = world.pulls[2]
    assert first["createdAt"] == "2024-02-05T10:00:00Z"
    assert first["closing"] == [{"repo": SAMPLE.name, "number": 1}]
    assert world.issues[1]["updatedAt"] == "2024-02-07T09:00:00Z"


def test_funnel_differences_are_told() -> None:
    good = {"repositories": {SAMPLE.name: SAMPLE.expected_funnel()}}
    assert funnel_differences(SAMPLE, good) == []
    bad = {"repositories": {SAMPLE.name: {**SAMPLE.expected_funnel(), "verified": 0}}}
    assert funnel_differences(SAMPLE, bad) == ["verified: expected 8, found 0"]
    odd = {"repositories": {SAMPLE.name: {**SAMPLE.expected_funnel(), "rejected": {"lock/x": 2}}}}
    assert "rejected lock/x: expected 0, found 2" in funnel_differences(SAMPLE, odd)
    assert funnel_differences(SAMPLE, {"repositories": {}})


def test_pull_differences_are_told() -> None:
    pull = SAMPLE.pulls[0]
    verdict: dict[str, Any] = {
        "fail_to_pass": list(pull.fail_to_pass),
        "flaky_tests": [],
        "rejection": None,
    }
    strength: dict[str, list[str]] = {"hunks": ["src/x.py"], "untested": []}
    shown = {"validation": {"verdict": verdict, "test_strength": strength}, "rejection": None}
    assert pull_differences(pull, shown) == []
    strength["untested"] = ["src/x.py"]
    assert "untested ['src/x.py']" in pull_differences(pull, shown)[0]
    strength["untested"] = []
    verdict["fail_to_pass"] = []
    assert "FAIL_TO_PASS []" in pull_differences(pull, shown)[0]
    verdict["rejection"] = {"stage": "lock", "reason": "unsatisfiable", "detail": "no such thing"}
    assert pull_differences(pull, shown) == [
        "#2: expected verified, found lock/unsatisfiable (no such thing)"
    ]
    assert pull_differences(pull, {}) == ["#2: expected verified, found not validated"]


def test_row_differences_are_told() -> None:
    name = SAMPLE.name.replace("/", "__")
    rows = [
        {"instance_id": f"{name}-{pull.number}", "FAIL_TO_PASS": list(pull.fail_to_pass)}
        for pull in SAMPLE.pulls
        if pull.expected == VERIFIED
    ]
    assert row_differences(SAMPLE, rows) == []
    assert len(row_differences(SAMPLE, rows[1:])) == 1
