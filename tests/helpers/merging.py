"""Small stores that agree and contradict each other in many ways, and what merged ones hold."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from curate.builders.model import Failure, RequirementsLock
from curate.core.model import (
    Candidate,
    CrawlState,
    Decision,
    Issue,
    IssueRef,
    ManualExclusion,
    Rejection,
    Validation,
    Verdict,
)
from curate.harness.grade import Grade, GradeReason, TestCounts
from curate.store import Store
from tests.helpers.factories import (
    DAY,
    MOMENT,
    make_candidate,
    make_certification,
    make_pull,
    make_validation,
)

REPO = "owner/name"
NUMBERS = (7, 8)
CACHES = ("derived", "unfinished")  # no results

_FEW = st.integers(1, 3)
_OUTCOMES = st.sampled_from(["none", "rejected", "first", "second"])
_VERDICTS = {
    "first": Verdict(fail_to_pass=("t::a",), pass_to_pass=("t::b",)),
    "second": Verdict(fail_to_pass=("t::a", "t::b"), pass_to_pass=()),
    "flaky": Verdict(
        fail_to_pass=(), pass_to_pass=(),
        rejection=Rejection(stage="validate", reason="flaky-tests"),
    ),
    "build": Verdict(
        fail_to_pass=(), pass_to_pass=(), rejection=Rejection(stage="build", reason="failed")
    ),
}  # fmt: skip


@st.composite
def store_contents(draw: Any) -> dict[str, Any]:
    """What one store holds, as `write_store` takes it."""
    numbers = draw(st.sets(st.sampled_from(NUMBERS)))
    return {
        "pulls": {n: (draw(_FEW), draw(_OUTCOMES)) for n in numbers},
        "validations": {
            n: (draw(_FEW), draw(st.sampled_from("XY")), draw(st.sampled_from(sorted(_VERDICTS))))
            for n in draw(st.sets(st.sampled_from(NUMBERS)))
        },
        "crawl": draw(st.one_of(st.none(), st.tuples(st.booleans(), _FEW, _FEW))),
        "issues": {
            number: draw(st.sampled_from(["missing", 1, 2, 3]))
            for number in draw(st.sets(st.sampled_from((101, 102, 103))))
        },
        "lock": draw(st.one_of(st.none(), _FEW)),
        "exclusion": draw(st.one_of(st.none(), _FEW)),
        "problem": draw(st.sampled_from([None, "", "a test fails", "no report"])),
        "grade": draw(st.sampled_from([None, *list(GradeReason)[:3]])),
        "pushed": draw(st.one_of(st.none(), _FEW)),
        "certified": draw(st.dictionaries(_FEW, _FEW, max_size=2)),  # day -> passes of gold
    }


def write_store(folder: Path, held: dict[str, Any]) -> Path:
    """Write a store that holds what `store_contents` drew."""
    with Store(folder) as store:
        _write_crawl(store, held)
        for number, (day, inputs, verdict) in held["validations"].items():
            store.save_validation(REPO, make_validated(number, day, inputs, verdict))
        _write_others(store, held)
    return folder


def make_validated(number: int, day: int, inputs: str, verdict: str) -> Validation:
    """A validation that finished on *day*, in an image of its own."""
    plain = make_validation(number)
    assert plain.environment is not None
    return replace(
        plain,
        inputs_hash=inputs * 64,
        finished_at=MOMENT + timedelta(days=day),
        verdict=_VERDICTS[verdict],
        environment=replace(plain.environment, digest=f"sha256:{day}"),
    )


def _write_crawl(store: Store, held: dict[str, Any]) -> None:
    if held["crawl"]:
        is_complete, watermark, issues = held["crawl"]
        state = CrawlState(
            is_complete=is_complete,
            watermark=DAY + timedelta(days=watermark),
            issues_watermark=DAY + timedelta(days=issues) if issues > 1 else None,
            requests=watermark,
        )
        store.save_page(REPO, [], state)
    claimed = {100 + day: 1 for day, outcome in held["pulls"].values() if outcome != "none"}
    for number, version in (claimed | held["issues"]).items():
        if version == "missing":
            store.save_issues([], {(REPO, number): "not-found"})
        else:
            store.save_issues([_issue(number, version)])
    for number, (day, outcome) in held["pulls"].items():
        when = DAY + timedelta(days=day)
        pull = make_pull(number, repo=REPO, updated_at=when)
        store.save_page(REPO, [pull], store.crawl_state(REPO))
        store.save_claims(REPO, {number: [IssueRef(repo=REPO, number=100 + day)]})
        if outcome != "none":
            decision = Decision(number=number, outcome=_outcome(number, day, outcome))
            store.save_decisions(REPO, [decision])


def _issue(number: int, day: int) -> Issue:
    when = DAY + timedelta(days=day)
    text = f"version {day}"
    return Issue(repo=REPO, number=number, title=text, body=text, created_at=DAY, updated_at=when)


def _outcome(number: int, day: int, outcome: str) -> Candidate | Rejection:
    if outcome == "rejected":
        return Rejection(stage="crawl", reason="no-tests")
    statement = f"{outcome} statement of day {day}"
    return make_candidate(
        number, pull_number=number, problem_statement=statement, patch=statement.encode()
    )


def _write_others(store: Store, held: dict[str, Any]) -> None:
    if held["lock"]:
        version = f"a=={held['lock']}"
        store.save_lock("key", RequirementsLock(text=version, python="3.11", exclude_newer=DAY))
        store.save_failed_build("env", Failure(stage="build", reason="failed", detail=version))
    if held["exclusion"]:
        when = MOMENT + timedelta(days=held["exclusion"])
        store.manual_exclusions.save(
            [ManualExclusion(instance_id="i", reason="why", author="me", excluded_at=when)]
        )
    if held["problem"] is not None:
        store.eval_checks.save(("sha256:i", "inputs"), held["problem"])
    if held["grade"]:
        grade = _grade(held["grade"])
        store.grades.save(("i", "p", "inputs"), grade, store.blobs.put(grade.reason.encode()))
    if held["pushed"]:
        store.save_pushed_image("owner__name-7", "r.example", f"sha256:{held['pushed']}", "r@x")

    for day, passes in held.get("certified", {}).items():
        when = MOMENT + timedelta(days=day)
        store.certifications.save(make_certification(certified_at=when, gold_passes=passes))


def _grade(reason: GradeReason) -> Grade:
    none = TestCounts(passed=0, total=0)
    return Grade(
        instance_id="i", patch_hash="p", reason=reason, fail_to_pass=none, pass_to_pass=none
    )


def read_rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that hold results, sorted."""
    with sqlite3.connect(folder / "curate.sqlite") as database:
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: sorted(database.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for (name,) in tables
            if name not in CACHES
        }
