"""The whole crawl: a real git history, the GitHub double over real HTTP, the real store."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import NetworkError
from curate.core.model import Candidate, IssueLink
from curate.crawl.decide import PullSource
from curate.crawl.run import CrawlOptions, CrawlSummary, crawl_repository
from curate.git.mirror import ensure_mirror, open_mirror
from curate.github.client import GitHubClient
from curate.github.retry import RetryPolicy
from curate.patches.file_kinds import FileClassifier
from curate.store.store import Store
from tests.doubles.github.data import Repository, World
from tests.doubles.github.faults import Fault, Kind
from tests.doubles.github.samples import sample_comment, sample_issue, sample_pull, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.git_history import GitHistory

REPO = "some-owner/thing"
GOOD = {"pkg/a.py": "fixed\n", "tests/test_a.py": "test\n"}


def _own(number: int) -> dict[str, str]:
    return {f"pkg/n{number}.py": "x\n", f"tests/test_n{number}.py": "x\n"}


@dataclass
class Project:
    """A repository on both sides: its git history and what GitHub says of it."""

    git: GitHistory
    folder: Path
    data: Repository = field(default_factory=lambda: Repository.of(REPO))

    @property
    def world(self) -> World:
        return World(self.data)

    def merge_pull(
        self,
        number: int,
        files: dict[str, Any],
        *,
        message: str = "Work",
        ref: bool = True,
        **changes: Any,
    ) -> str:
        """Branch, commit, merge; GitHub's base is the tip of main before the merge."""
        base = self.git.head()
        self.git.branch(f"pull-{number}")
        head = self.git.change({**files, **_own(number)} if files is GOOD else files, message)
        self.git.checkout("main")
        merged = self.git.merge(f"pull-{number}")
        self.git.git("branch", "--quiet", "-D", f"pull-{number}")
        if ref:
            self.git.pull_ref(number, head)
        self.data.pulls[number] = sample_pull(
            number,
            baseRefOid=base,
            headRefOid=head,
            mergeCommit={
                "oid": merged,
                "message": "m",
                "authoredDate": stamp(1),
                "committedDate": stamp(1),
            },
            **changes,
        )
        return base

    def issue(self, number: int, **changes: Any) -> None:
        self.data.issues[number] = sample_issue(number, **changes)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    git = GitHistory.new(tmp_path / "work")
    git.change({"pkg/a.py": "broken\n"})
    git.git("tag", "v1.4.2")
    return Project(git, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


def run(project: Project, store: Store, double: GitHubDouble, **options: Any) -> CrawlSummary:
    policy = RetryPolicy(sleep=lambda seconds: None, max_attempts=2)
    client = GitHubClient("t", double.url, policy=policy)
    with ensure_mirror(project.folder / "mirror", str(project.git.path)) as mirror:
        return crawl_repository(
            REPO,
            store=store,
            client=client,
            source=PullSource(mirror=mirror, classifier=FileClassifier()),
            options=CrawlOptions(**options),
        )


def only(store: Store) -> Candidate:
    (candidate,) = store.iter_candidates(REPO)
    return candidate


def test_a_candidate_with_all_it_needs(project: Project, store: Store) -> None:
    project.issue(
        1,
        title="Broken",
        body="It is broken.\r\n",
        comments=[sample_comment(-50, "early"), sample_comment(50000, "late, with the answer")],
    )
    project.issue(3, title="Also", body="")
    base = project.merge_pull(7, GOOD, message="Fix it, closes #3", body="Fixes #1 and other/x#4")
    with GitHubDouble(project.world) as double:
        summary = run(project, store, double)
    made = only(store)
    assert made.instance_id == "some-owner__thing-7"
    assert (made.base_commit, made.base_commit_rule) == (base, "base-ref")
    assert made.problem_statement == "Broken\nIt is broken.\r\n\nAlso\n\n"
    assert made.hints_text == "early"
    assert made.version == "1.4"
    assert made.issue_numbers == (1, 3)
    assert [link.sources for link in made.issue_links] == [("body",), ("commit",)]
    assert b"tests/test_a.py" in made.test_patch
    assert b"tests/" not in made.patch
    assert (summary.pulls, summary.candidates, summary.requests) == (1, 1, 2)
    assert store.get_issue("other/x", 4) == "not-found"


def test_the_patches_of_a_candidate_make_the_head(project: Project, store: Store) -> None:
    project.issue(1)
    base = project.merge_pull(2, GOOD, body="Fixes #1")
    head = project.data.pulls[2]["headRefOid"]
    with GitHubDouble(project.world) as double:
        run(project, store, double)
    made = only(store)
    project.git.git("checkout", "--quiet", "--detach", base)
    project.git.git("apply", "--index", "-", stdin=made.patch)
    project.git.git("apply", "--index", "-", stdin=made.test_patch)
    assert project.git.git("write-tree") == project.git.git("rev-parse", f"{head}^{{tree}}")


REJECTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no-issue": (GOOD, {"body": "See #1"}),
    "no-tests": ({"pkg/b.py": "x\n"}, {"body": "Fixes #1"}),
    "no-source-changes": ({"tests/test_b.py": "x\n", "README.md": "x\n"}, {"body": "Fixes #1"}),
    "empty-patch": ({}, {"body": "Fixes #1"}),
    "linked-issue-is-pr": (GOOD, {"body": "Fixes #2"}),
    "issue-not-found": (GOOD, {"body": "Fixes #99"}),
    "empty-problem-statement": (GOOD, {"body": "Fixes #3"}),
    "missing-objects": (GOOD, {"body": "Fixes #1", "headRefOid": "f" * 40, "mergeCommit": None}),
}


@pytest.mark.parametrize("reason", REJECTIONS)
def test_rejections(project: Project, store: Store, reason: str) -> None:
    project.issue(1)
    project.issue(3, title=" ", body="\n")
    project.merge_pull(2, {"docs/x.md": "x\n"})
    files, changes = REJECTIONS[reason]
    facts = {key: it for key, it in changes.items() if key == "body"}
    project.merge_pull(9, files, **facts)
    project.data.pulls[9] |= changes
    with GitHubDouble(project.world) as double:
        summary = run(project, store, double)
    rejection = store.get_rejection(REPO, 9)
    assert rejection is not None
    assert (rejection.stage, rejection.reason) == ("crawl", reason)
    assert summary.rejected.get(reason) == 1 + (reason == "no-tests")
    assert list(store.iter_candidates(REPO)) == []


def test_issues_are_asked_for_survivors_only(project: Project, store: Store) -> None:
    project.issue(1)
    project.merge_pull(2, {"pkg/b.py": "x\n"}, body="Fixes #1")
    with GitHubDouble(project.world) as double:
        run(project, store, double)
        assert not any("issueOrPullRequest" in it.query for it in double.graphql_requests)


def test_crawling_again_decides_nothing_and_asks_one_page(project: Project, store: Store) -> None:
    project.issue(1)
    project.merge_pull(2, GOOD, body="Fixes #1")
    project.merge_pull(4, {"pkg/c.py": "x\n"})
    with GitHubDouble(project.world) as double:
        run(project, store, double)
        asked = len(double.graphql_requests)
        summary = run(project, store, double)
        assert len(double.graphql_requests) == asked + 1
    assert (summary.candidates, summary.rejected) == (0, {})
    state = store.crawl_state(REPO)
    assert (state.requests, state.is_complete) == (asked + 1, True)


def test_what_changed_is_decided_again_and_what_is_new_is_found(
    project: Project, store: Store
) -> None:
    project.issue(1)
    project.issue(5)
    for number in (2, 4):
        project.merge_pull(number, GOOD)
    with GitHubDouble(project.world) as double:
        assert run(project, store, double).rejected == {"no-issue": 2}
        project.data.pulls[2] |= {"body": "Fixes #1", "updatedAt": stamp(9999)}
        project.merge_pull(6, {"pkg/a.py": "y\n", "tests/test_b.py": "y\n"}, body="Fixes #5")
        summary = run(project, store, double)
    assert summary.pulls >= 2
    assert summary.candidates == 2
    assert [it.pull_number for it in store.iter_candidates(REPO)] == [2, 6]


def many(project: Project, count: int) -> None:
    project.issue(1)
    project.merge_pull(2, GOOD, body="Fixes #1")
    twin = project.data.pulls[2]
    for number in range(3, count + 2):
        times = {"createdAt": stamp(24 * number), "updatedAt": stamp(24 * number + 1)}
        project.data.pulls[number] = {**twin, "number": number, **times}


def test_a_crawl_that_broke_off_goes_on_behind_its_last_page(
    project: Project, store: Store
) -> None:
    many(project, 250)
    broken = Fault(kind=Kind.ERROR, at=range(2, 4))
    with GitHubDouble(project.world, faults=[broken]) as double:
        with pytest.raises(NetworkError):
            run(project, store, double)
        state = store.crawl_state(REPO)
        assert not state.is_complete
        summary = run(project, store, double)
        cursors = [(it.variables or {}).get("cursor") for it in double.graphql_requests]
    assert summary.pulls == 50
    assert summary.candidates == 250
    assert cursors[4] == state.cursor
    assert cursors.count(None) == 2  # the first page and the issues


def test_an_update_during_the_first_crawl_is_not_lost(project: Project, store: Store) -> None:
    many(project, 150)
    with GitHubDouble(project.world) as double:
        run(project, store, double, limit=100)
        project.data.pulls[5] |= {"title": "Changed", "updatedAt": stamp(20000)}
        project.data.pulls[151] |= {"updatedAt": stamp(20001)}
        run(project, store, double)
        assert store.crawl_state(REPO).is_complete
        run(project, store, double)
    changed = store.get_pull(REPO, 5)
    assert changed is not None
    assert changed.title == "Changed"


def test_limit(project: Project, store: Store) -> None:
    many(project, 30)
    with GitHubDouble(project.world) as double:
        assert run(project, store, double, limit=10).pulls == 10
        assert run(project, store, double).pulls == 20


def test_since_brings_only_what_is_newer_and_all_later(project: Project, store: Store) -> None:
    many(project, 300)
    since = datetime.fromisoformat(stamp(24 * 290))
    for pull in project.data.pulls.values():
        pull["mergedAt"] = pull["updatedAt"]
    with GitHubDouble(project.world) as double:
        first = run(project, store, double, since=since)
        assert (first.pulls, first.candidates) == (12, 12)
        assert run(project, store, double, since=since).candidates == 0
        assert run(project, store, double).candidates == 288
        assert store.crawl_state(REPO).since is None


def test_the_mirror_is_refreshed_when_heads_are_missing(project: Project, store: Store) -> None:
    project.issue(1)
    path = project.folder / "mirror"
    ensure_mirror(path, str(project.git.path)).close()
    project.merge_pull(2, GOOD, body="Fixes #1")
    with GitHubDouble(project.world) as double, open_mirror(path) as mirror:
        summary = crawl_repository(
            REPO,
            store=store,
            client=GitHubClient("t", double.url),
            source=PullSource(
                mirror=mirror,
                classifier=FileClassifier(),
                refresh=lambda: ensure_mirror(path, str(project.git.path)).close(),
            ),
        )
    assert summary.candidates == 1


def test_progress_counts_to_the_end(project: Project, store: Store) -> None:
    many(project, 130)
    seen: list[tuple[str, int, int]] = []
    with GitHubDouble(project.world) as double:
        run(project, store, double, progress=lambda *step: seen.append(step))
    assert [it for it in seen if it[0] == "pulls"] == [("pulls", 100, 130), ("pulls", 130, 130)]
    assert seen[-1] == ("decisions", 130, 130)


def test_names_and_messages_that_are_not_utf8(project: Project, store: Store) -> None:
    project.issue(1)
    name = os.fsdecode(b"tests/test_caf\xe9.py")
    message = os.fsdecode(b"caf\xe9 \xed\xa0\xbd; fixes #1")
    files = {os.fsdecode(b"pkg/caf\xed\xa0\xbd.py"): "x\n", name: "x\n"}
    project.merge_pull(2, files, message=message)
    with GitHubDouble(project.world) as double:
        assert run(project, store, double).candidates == 1
    assert only(store).issue_links == (IssueLink(repo=REPO, number=1, sources=("commit",)),)
    assert b"caf\\351.py" in only(store).test_patch
