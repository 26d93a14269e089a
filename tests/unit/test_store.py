import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import Failure, Outcome, RequirementsLock
from curate.core.errors import StoreError
from curate.core.model import (
    Candidate,
    CrawlState,
    Environment,
    Issue,
    IssueLink,
    IssueRef,
    PullRequest,
    Rejection,
    Run,
    Validation,
    Verdict,
)
from curate.store import Store
from curate.store.blobs import MIN_FILE_BYTES
from tests.helpers.fakes import fake, not_none

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
REPO = "owner/name"


def pull(number: int, **changes: Any) -> PullRequest:
    base = PullRequest(
        repo=REPO,
        number=number,
        title=f"Fix {number}",
        body="Fixes #1 — naïve",
        created_at=NOW,
        updated_at=NOW,
        merged_at=NOW,
        base_ref="main",
        base_commit="a" * 40,
        head_commit="b" * 40,
        merge_commit=None,
        closing=(IssueRef(repo=REPO, number=1),),
    )
    return replace(base, **changes)


def candidate(number: int, patch: bytes = b"gold \xff\r\n") -> Candidate:
    return Candidate(
        instance_id=f"owner__name-{number}",
        repo=REPO,
        pull_number=number,
        base_commit="a" * 40,
        base_commit_rule="base-ref",
        head_commit="b" * 40,
        merge_commit=None,
        patch=patch,
        test_patch=b"test",
        problem_statement="It breaks\nbadly",
        hints_text="",
        created_at=NOW,
        version="1.2",
        issue_links=(IssueLink(repo=REPO, number=1, sources=("body", "github")),),
    )


def validation(number: int, why: Rejection | None = None) -> Validation:
    run = Run(
        side="after",
        index=0,
        status="completed",
        outcomes={"t.py::a[ü b]": Outcome.PASSED},
        cpu_seconds=2.5,
    )
    return Validation(
        instance_id=f"owner__name-{number}",
        inputs_hash="abc",
        curate_version="0",
        recipe_hash="r",
        started_at=NOW,
        finished_at=NOW,
        test_command="pytest t.py",
        environment=None,
        runs=(run,),
        verdict=Verdict(fail_to_pass=("t.py::a[ü b]",), pass_to_pass=(), rejection=why),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


def test_a_page_and_its_cursor_are_saved_together(store: Store) -> None:
    assert store.crawl_state(REPO) == CrawlState()
    state = CrawlState(cursor="c1", watermark=NOW, requests=3, points=6)
    store.save_page(REPO, [pull(1), pull(2)], state)
    assert store.crawl_state(REPO) == state
    assert store.get_pull(REPO, 2) == pull(2)
    assert store.get_pull(REPO, 3) is None
    assert store.list_repositories() == (REPO,)


def test_a_failing_page_leaves_nothing(store: Store) -> None:
    bad = fake(repo=REPO, number=5)
    with pytest.raises(Exception):  # noqa: B017
        store.save_page(REPO, [pull(1), bad], CrawlState(cursor="x"))
    assert store.get_pull(REPO, 1) is None
    assert store.crawl_state(REPO).cursor is None


def test_a_decision_holds_until_the_pull_changes(store: Store) -> None:
    store.save_page(REPO, [pull(1), pull(2), pull(3)], CrawlState())
    store.save_candidate(candidate(1))
    store.reject_pull(REPO, 2, Rejection(stage="crawl", reason="no-tests"))
    assert set(store.decision_keys(REPO)) == {1, 2}
    assert store.list_funnels()[0].undecided == 1
    store.save_page(REPO, [pull(1, title="Other"), pull(2)], CrawlState())
    assert set(store.decision_keys(REPO)) == {2}
    assert [p.number for p in store.iter_pulls(REPO)] == [1, 2, 3]


def test_a_rejected_pull_is_no_candidate_any_more(store: Store) -> None:
    store.save_page(REPO, [pull(1)], CrawlState())
    store.save_candidate(candidate(1))
    store.reject_pull(REPO, 1, Rejection(stage="crawl", reason="no-issue", detail="gone"))
    assert store.get_candidate("owner__name-1") is None
    assert store.get_rejection(REPO, 1) == Rejection(
        stage="crawl", reason="no-issue", detail="gone"
    )


def test_candidates_keep_their_bytes(store: Store) -> None:
    store.save_page(REPO, [pull(1), pull(12)], CrawlState())
    store.save_candidate(candidate(12))
    store.save_candidate(candidate(1))
    assert [c.pull_number for c in store.iter_candidates()] == [1, 12]
    assert store.get_candidate("owner__name-12") == candidate(12)
    assert list(store.iter_candidates("other/name")) == []


def test_issues_and_what_is_none(store: Store) -> None:
    issue = Issue(repo=REPO, number=1, title="t", body="b", created_at=NOW, updated_at=NOW)
    store.save_issues([issue], {(REPO, 2): "is a pull request"})
    assert store.get_issue(REPO, 1) == issue
    assert store.get_issue(REPO, 2) == "is a pull request"
    assert store.get_issue(REPO, 3) is None


def test_validations_locks_and_images(store: Store) -> None:
    store.save_page(REPO, [pull(1), pull(2)], CrawlState())
    store.save_candidate(candidate(1))
    store.save_candidate(candidate(2))
    store.save_validation(REPO, validation(1))
    store.save_validation(REPO, validation(2, Rejection(stage="build", reason="x")))
    assert store.get_validation("owner__name-1") == validation(1)
    assert store.validated_inputs() == {"owner__name-1": "abc", "owner__name-2": "abc"}
    assert store.validated_inputs(rejected=False) == {"owner__name-1": "abc"}
    assert [c.pull_number for c, _ in store.iter_verified()] == [1]
    lock = RequirementsLock(
        text="a==1\n", python="3.11", exclude_newer=NOW, adjustments=("dropped b",)
    )
    store.save_lock("k", lock)
    assert store.get_lock("k") == lock
    assert store.get_lock("other") is None
    store.save_pushed_image("owner__name-1", "host/x", "sha256:1", "host/x/i@sha256:2")
    assert store.pushed_images("host/x") == {"owner__name-1": ("sha256:1", "host/x/i@sha256:2")}


def test_images_of_verified_candidates_wait_to_be_pushed(store: Store) -> None:
    for number, why in (
        (1, None),
        (2, None),
        (3, Rejection(stage="validate", reason="flaky-tests")),
    ):
        done = validation(number, why)
        env = Environment(
            key="k",
            backend="docker",
            python="3.8",
            lock="",
            exclude_newer=datetime(2024, 5, 1, tzinfo=UTC),
            lock_adjustments=(),
            system_packages=(),
            handle="curate/instance:x",
            digest=f"sha256:{number}",
            dockerfiles={},
            layer_bytes={},
            lock_seconds=0,
            build_seconds=0,
            environment_seconds=0,
        )
        store.save_validation(REPO, replace(done, environment=env))
    assert store.unpushed_images() == {"sha256:1", "sha256:2"}
    store.save_pushed_image("owner__name-1", "host/x", "sha256:1", "host/x/i@sha256:9")
    assert store.unpushed_images() == {"sha256:2"}


def test_the_funnel_counts_every_pull_once(store: Store) -> None:
    store.save_page(REPO, [pull(n) for n in range(1, 6)], CrawlState())
    store.reject_pull(REPO, 1, Rejection(stage="crawl", reason="no-tests"))
    for number in (2, 3, 4):
        store.save_candidate(candidate(number))
    store.save_validation(REPO, validation(2))
    store.save_validation(REPO, validation(3, Rejection(stage="validate", reason="flaky-tests")))
    (funnel,) = store.list_funnels()
    assert (funnel.pulls, funnel.undecided, funnel.candidates) == (5, 1, 3)
    assert (funnel.attempted, funnel.verified) == (2, 1)
    assert funnel.rejected == {"crawl/no-tests": 1, "validate/flaky-tests": 1}
    assert funnel.work_seconds == 5.0


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "curate.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="format 99") as caught:
        Store(tmp_path)
    assert "newer curate" in caught.value.hint


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "curate.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="damaged or not a curate database"):
        Store(tmp_path)


def test_the_first_lock_of_a_key_stays(store: Store) -> None:
    lock = RequirementsLock(text="a==1\n", python="3.11", exclude_newer=NOW)
    assert store.save_lock("k", lock) == lock
    assert store.save_lock("k", replace(lock, text="a==2\n")) == lock


def test_failed_builds_are_known_until_they_are_tried_again(store: Store) -> None:
    failure = Failure(stage="build", reason="environment-failed", detail="b", log="all of it")
    store.save_failed_build("k", failure)
    assert not_none(store.get_failed_build("k")).log == "all of it"
    assert store.get_failed_build("other") is None
    store.forget_failed_builds()
    assert store.get_failed_build("k") is None


def test_steps_are_kept_until_the_verdict_or_other_inputs(store: Store) -> None:
    steps, name = store.unfinished, "owner__name-1"

    def begin(inputs: str) -> Run | None:
        steps.begin(name, inputs)
        return steps.get(Run, name, "a run")

    run = Run(side="after", index=1, status="completed", outcomes={"t": Outcome.PASSED})
    assert begin("one") is None
    steps.save(name, "a run", run)
    steps.save("owner__name-2", "a run", run)
    assert begin("one") == run
    assert steps.get(Run, name, "another run") is None
    assert begin("two") is None
    steps.save(name, "a run", run)
    store.save_validation(REPO, validation(1))
    assert begin("two") is None
    assert steps.get(Run, "owner__name-2", "a run") == run


def test_a_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.store.database.BUSY_SECONDS", 0.05)
    with Store(tmp_path) as store:
        other = sqlite3.connect(tmp_path / "curate.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process of curate"):
            store.save_page(REPO, [pull(1)], CrawlState())
        other.close()


def test_small_blobs_are_rows_and_large_ones_files(store: Store) -> None:
    large = random.Random(1).randbytes(MIN_FILE_BYTES)
    keys = [store.blobs.put(it) for it in (b"small", large, b"small")]
    assert [store.blobs.get(key) for key in keys] == [b"small", large, b"small"]
    assert len(list(store.folder.rglob("*.zst"))) == 1


def test_a_damaged_blob_is_told(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        keys = [
            store.blobs.put(it) for it in (b"small", random.Random(1).randbytes(MIN_FILE_BYTES))
        ]
    next(tmp_path.rglob("*.zst")).write_bytes(b"junk")
    with sqlite3.connect(tmp_path / "curate.sqlite") as database:
        database.execute("UPDATE blobs SET data = ?", [b"junk"])
    with Store(tmp_path) as store:
        for key in keys:
            with pytest.raises(StoreError, match="missing or damaged"):
                store.blobs.get(key)


def test_a_changed_issue_leaves_the_pulls_that_claim_it_undecided(store: Store) -> None:
    made = datetime(2022, 1, 1, tzinfo=UTC)
    issue = Issue(repo=REPO, number=7, title="T", body="", created_at=made, updated_at=made)
    store.save_page(REPO, [pull(1), pull(2)], CrawlState())
    links = {
        1: [IssueLink(repo=REPO, number=7, sources=("body",))],
        2: [IssueLink(repo="else/where", number=7, sources=("body",))],
    }
    store.save_claims(REPO, links)
    for number in links:
        store.reject_pull(REPO, number, Rejection(stage="crawl", reason="no-tests"))
    store.save_issues([issue])
    assert set(store.decision_keys(REPO)) == {1, 2}  # nobody had decided on another text
    store.save_issues([replace(issue, title="Other")])
    assert set(store.decision_keys(REPO)) == {2}
    store.save_claims(REPO, {1: []})
    store.reject_pull(REPO, 1, Rejection(stage="crawl", reason="no-tests"))
    store.save_issues([issue])
    assert set(store.decision_keys(REPO)) == {1, 2}


def test_issues_of_other_repositories_that_pulls_claim(store: Store) -> None:
    made = datetime(2022, 1, 1, tzinfo=UTC)
    names = ("else/where", REPO)
    issues = [
        Issue(repo=name, number=7, title="T", body="", created_at=made, updated_at=made)
        for name in names
    ]
    store.save_issues(issues, {("gone/away", 1): "not-found"})
    claims = [IssueLink(repo=name, number=7, sources=()) for name in names]
    store.save_claims(REPO, {1: [*claims, IssueLink(repo="gone/away", number=1, sources=())]})
    gone = IssueRef(repo="gone/away", number=1)
    others = [IssueRef(repo="else/where", number=7), gone]
    assert store.claimed_issues(REPO, external=True, missing="not-found") == others
    assert store.claimed_issues(REPO, external=True, missing="other") == others[:1]
    assert store.claimed_issues(REPO, external=False, missing="not-found") == [
        IssueRef(repo=REPO, number=7)
    ]
    assert store.claimants(REPO, others) == [1]
    assert store.claimants("else/where", others) == []


def test_an_issue_that_moved_is_found_at_each_of_its_places(store: Store) -> None:
    made = datetime(2022, 1, 1, tzinfo=UTC)
    issue = Issue(repo="z/z", number=3, title="T", body="", created_at=made, updated_at=made)
    second = {("y/y", 9): IssueRef(repo="z/z", number=3)}
    store.save_issues([issue], moved={(REPO, 5): IssueRef(repo="y/y", number=9), **second})
    assert store.get_issue(REPO, 5) == store.get_issue("y/y", 9) == issue
    back = {("z/z", 3): IssueRef(repo="y/y", number=9)}  # places that lead to each other
    store.save_issues([], moved=back)
    assert store.get_issue(REPO, 5) is None


def test_a_page_tells_how_many_pulls_are_new_or_changed(store: Store) -> None:
    assert store.save_page(REPO, [pull(1), pull(2)], CrawlState()) == 2
    assert store.save_page(REPO, [pull(1), pull(2, title="Other"), pull(3)], CrawlState()) == 2


def test_an_older_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "curate.sqlite") as database:
        database.execute("PRAGMA user_version = 5")
    with pytest.raises(StoreError, match="format 5") as caught:
        Store(tmp_path)
    assert "--data-dir" in caught.value.hint
