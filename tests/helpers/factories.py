"""Complete values of the model with few words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from curate.builders.model import Outcome
from curate.core.certification import (
    Certification,
    CertificationResult,
    MachineFacts,
    TestDifference,
)
from curate.core.model import (
    Candidate,
    Environment,
    IssueLink,
    PullRequest,
    Rejection,
    Run,
    Validation,
    Verdict,
)

MOMENT = datetime(2022, 3, 4, 5, 6, 7, tzinfo=UTC)
DAY = datetime(2020, 1, 1, tzinfo=UTC)


def make_pull(number: int, **changes: Any) -> PullRequest:
    when = DAY + timedelta(days=number)
    facts: dict[str, Any] = {
        "repo": "o/r",
        "number": number,
        "title": f"Pull {number}",
        "body": "",
        "created_at": when,
        "updated_at": when,
        "merged_at": when,
        "base_ref": "main",
        "base_commit": "0" * 40,
        "head_commit": "1" * 40,
        "merge_commit": None,
    }
    return PullRequest(**(facts | changes))


def make_candidate(number: int = 7, **changes: Any) -> Candidate:
    plain = Candidate(
        instance_id=f"owner__name-{number}",
        repo="owner/name",
        pull_number=number,
        base_commit="b" * 40,
        base_commit_rule="base",
        head_commit="c" * 40,
        merge_commit=None,
        patch=b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-1\n+2\n",
        test_patch=b"diff --git a/t.py b/t.py\n--- a/t.py\n+++ b/t.py\n@@ -1 +1 @@\n-1\n+\xc3\xbc\n",  # noqa: E501
        problem_statement="It breaks.\nBadly.",
        hints_text="",
        created_at=MOMENT.astimezone(timezone(timedelta(hours=2))),
        version="1.2",
        issue_links=(
            IssueLink(repo="owner/name", number=5, sources=("title", "body")),
            IssueLink(repo="owner/name", number=3, sources=("github",)),
        ),
    )
    return replace(plain, **changes)


def make_validation(
    number: int = 7, rejection: Rejection | None = None, **changes: Any
) -> Validation:
    plain = Validation(
        instance_id=f"owner__name-{number}",
        inputs_hash="i" * 64,
        curate_version="0.1",
        recipe_hash="r" * 64,
        started_at=MOMENT,
        finished_at=MOMENT,
        test_command="pytest -q t.py",
        environment=Environment(
            key="k",
            backend="docker",
            python="3.8",
            lock="a==1\n",
            exclude_newer=MOMENT,
            lock_adjustments=("a repair",),
            system_packages=("git",),
            handle="curate/instance:abc",
            digest="sha256:abc",
            dockerfiles={},
            layer_bytes={},
            lock_seconds=0,
            build_seconds=0,
            environment_seconds=0,
        ),
        runs=(Run(side="before", index=0, status="completed"),) * 6,
        verdict=Verdict(
            fail_to_pass=("t.py::a[x y]",),
            pass_to_pass=("t.py::b", "t.py::c[\\xfc]"),
            flaky_tests=("t.py::d",),
            pre_fix_outcomes={"t.py::a[x y]": Outcome.MISSING},
            rejection=rejection,
        ),
    )
    return replace(plain, **changes)


def make_certification(number: int = 7, **changes: Any) -> Certification:
    plain = Certification(
        instance_id=f"owner__name-{number}",
        certified_at=MOMENT,
        image="sha256:abc",
        result=CertificationResult.CERTIFIED,
        gold_runs=3,
        gold_passes=3,
        empty_result="tests-failed",
        seconds=12.5,
        machine=MachineFacts(
            curate_version="0.1",
            sandbox="docker",
            engine="28.0",
            kernel="6.1",
            architecture="x86_64",
        ),
    )
    return replace(plain, **changes)


def make_differences(test: str, *runs: str, got: str = "failed") -> tuple[TestDifference, ...]:
    return tuple(TestDifference(test=test, run=run, expected="passed", got=got) for run in runs)
