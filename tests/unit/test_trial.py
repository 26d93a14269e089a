"""A trial of drafts: the draw, the judgment of rejections, the figures, the revision of a draft."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curate.builders.model import Outcome
from curate.core.errors import ConfigurationError
from curate.core.model import Rejection, Run, Validation
from curate.recipe_tools.draft.propose import RecipeDraft
from curate.recipe_tools.draft.revise import TrialFailure, revise_draft
from curate.recipe_tools.draft.version_ranges import DraftValue, RangeDraft
from curate.workflows.recipe_trial import RepositoryTrial, draw_by_period
from curate.workflows.trial import TrialResult
from curate.workflows.trial_cause import describe_cause
from curate.workflows.trial_judgment import (
    Judgment,
    PersonalJudgments,
    judge_result,
    read_judgments,
)
from curate.workflows.trial_report import compute_yield, report_trial, sum_cost
from tests.helpers.factories import make_candidate, make_validation

NOBODY = PersonalJudgments()
START = datetime(2020, 1, 1, tzinfo=UTC)
CANDIDATES = [make_candidate(n, created_at=START + timedelta(days=10 * n)) for n in range(20)]
NO_FAIL_TO_PASS = Rejection(stage="validate", reason="no-fail-to-pass", detail="3 tests")
COLLECTION = Rejection(stage="collect", reason="collection-error", detail="tests/test_a.py")


def number(name: str) -> int:
    return int(name.rpartition("-")[2])


def test_one_of_each_part_is_drawn_in_order_of_time() -> None:
    drawn = [number(name) for name in draw_by_period(CANDIDATES, 4, seed=7)]
    assert [it // 5 for it in drawn] == [0, 1, 2, 3]
    assert drawn == [number(it) for it in draw_by_period(CANDIDATES[::-1], 4, seed=7)]
    others = {tuple(draw_by_period(CANDIDATES, 4, seed=seed)) for seed in range(20)}
    assert len(others) > 5
    assert draw_by_period(CANDIDATES[:2], 4, seed=7) == ["owner__name-0", "owner__name-1"]
    assert draw_by_period([], 4, seed=7) == []


def test_a_part_that_does_not_change_keeps_its_draw() -> None:
    later = make_candidate(99, created_at=START + timedelta(days=10 * 19, hours=1))
    assert (
        draw_by_period([*CANDIDATES[:-1], later], 4, 7)[:3] == draw_by_period(CANDIDATES, 4, 7)[:3]
    )


def run(side: str, status: str = "completed", **outcomes: str) -> Run:
    named = {name: Outcome(it) for name, it in outcomes.items()}
    return Run(side=side, index=0, status=status, outcomes=named)


def rejected(rejection: Rejection | None, *runs: Run, log: str = "") -> TrialResult:
    validation = make_validation(1, rejection, runs=runs)
    return TrialResult(
        instance_id="owner__name-1", repo="owner/name", validation=validation, log=log
    )


PYTHON_2_IMPORT = """tests/test_a.py:3: in <module>
    import urllib2
E   ModuleNotFoundError: No module named 'urllib2'
"""
PYTHON_2_SYNTAX = """E     File "/testbed/thing/a.py", line 4
E       print "hello"
E       ^^^^^^^^^^^^^
E   SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?
"""
PYTHON_2_EXCEPT = """E     File "/testbed/thing/a.py", line 3
E       except ValueError, e:
E                        ^
E   SyntaxError: invalid syntax
"""
NETWORK = """E   socket.gaierror: [Errno -3] Temporary failure in name resolution
E   urllib3.exceptions.MaxRetryError: HTTPSConnectionPool: Max retries exceeded with url: /
"""
MISSING = "E   ModuleNotFoundError: No module named 'numpy'\n"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (rejected(None), Judgment.VERIFIED),
        (rejected(Rejection(stage="plan", reason="tests-only-removed")), Judgment.RIGHT),
        (rejected(Rejection(stage="lock", reason="no-compatible-python")), Judgment.RIGHT),
        (rejected(Rejection(stage="lock", reason="unsatisfiable")), Judgment.WRONG),
        (
            rejected(NO_FAIL_TO_PASS, run("before", a="passed"), run("after", a="passed")),
            Judgment.RIGHT,
        ),
        (
            rejected(
                NO_FAIL_TO_PASS,
                run("before", a="passed", b="skipped"),
                run("after", a="passed", b="skipped"),
            ),
            Judgment.WRONG,
        ),
        (
            rejected(
                NO_FAIL_TO_PASS, run("before", a="passed"), run("after", a="passed", b="error")
            ),
            Judgment.WRONG,
        ),
        (
            rejected(NO_FAIL_TO_PASS, run("before"), run("after", a="passed")),
            Judgment.WRONG,
        ),
        (
            rejected(
                NO_FAIL_TO_PASS, run("before", "crashed", a="passed"), run("after", a="passed")
            ),
            Judgment.WRONG,
        ),
        (rejected(NO_FAIL_TO_PASS), Judgment.WRONG),
        (rejected(COLLECTION, log=PYTHON_2_IMPORT), Judgment.RIGHT),
        (rejected(COLLECTION, log=PYTHON_2_SYNTAX), Judgment.RIGHT),
        (rejected(COLLECTION, log=PYTHON_2_EXCEPT), Judgment.RIGHT),
        (
            rejected(COLLECTION, log=PYTHON_2_EXCEPT.replace("except ValueError, e:", "x := 3")),
            Judgment.WRONG,
        ),
        (
            rejected(COLLECTION, log=PYTHON_2_SYNTAX.replace("/testbed", "/venv/site-packages")),
            Judgment.WRONG,
        ),
        (
            rejected(COLLECTION, log=PYTHON_2_IMPORT.replace("tests/", "../site-packages/x/")),
            Judgment.WRONG,
        ),
        (rejected(NO_FAIL_TO_PASS, run("after", a="failed"), log=NETWORK), Judgment.RIGHT),
        (rejected(COLLECTION, log=NETWORK + MISSING), Judgment.WRONG),
        (rejected(COLLECTION, log=MISSING), Judgment.WRONG),
        (TrialResult(instance_id="a", repo="r"), Judgment.OPEN),
        (TrialResult(instance_id="a", repo="r", error="disk"), Judgment.OPEN),
    ],
)
def test_what_says_something_of_the_pull_request_is_right(
    result: TrialResult, expected: Judgment
) -> None:
    assert judge_result(result, NOBODY).judgment is expected


def test_a_person_knows_better(tmp_path: Path) -> None:
    file = tmp_path / "judgments.toml"
    file.write_text(
        'owner__name-1 = "needs a GPU"\n[wrong]\nowner__name-2 = "a wheel is missing"\n'
    )
    known = read_judgments(file)
    unclear = rejected(COLLECTION, log=MISSING)
    judged = judge_result(unclear, known)
    assert (judged.judgment, judged.evidence) == (Judgment.RIGHT, "needs a GPU")
    removed = rejected(Rejection(stage="plan", reason="tests-only-removed"))
    judged = judge_result(replace(removed, instance_id="owner__name-2"), known)
    assert (judged.judgment, judged.evidence) == (Judgment.WRONG, "a wheel is missing")
    assert judge_result(rejected(None), known).judgment is Judgment.VERIFIED


@pytest.mark.parametrize(
    "text",
    ["no TOML", "owner__name-1 = 3\n", 'owner__name-1 = " "\n', "wrong = 3\n", "a.b = 'x'\n"],
)
def test_a_judgment_without_a_reason_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "j.toml").write_text(text)
    with pytest.raises(ConfigurationError):
        read_judgments(tmp_path / "j.toml")


def spent(key: str, seconds: float, size: int) -> Validation:
    plain = make_validation(1)
    assert plain.environment
    return replace(
        plain,
        finished_at=plain.started_at + timedelta(seconds=seconds),
        runs=(Run(side="after", index=0, status="completed", cpu_seconds=seconds / 2),),
        environment=replace(
            plain.environment, key=key, layer_bytes={"environment": size, "instance": 9}
        ),
    )


def test_an_environment_that_several_share_counts_once() -> None:
    cost = sum_cost([spent("a", 10, 100), spent("a", 20, 100), spent("b", 30, 300)])
    assert (cost.wall_seconds, cost.work_seconds) == (20, 10)
    assert (cost.environment_bytes, cost.median_bytes) == ((100, 300), 200)
    assert sum_cost([]).median_bytes is None


def test_the_yield_leaves_out_what_is_rightly_rejected() -> None:
    right = rejected(Rejection(stage="plan", reason="tests-only-removed"))
    trial = RepositoryTrial(
        repo="owner/name",
        results=[rejected(None), rejected(None), rejected(COLLECTION), right],
    )
    report = report_trial(trial, NOBODY)
    assert report.yielded == 2 / 3
    empty = report_trial(RepositoryTrial(repo="owner/name"), NOBODY)
    assert compute_yield(empty.counts) is None


def test_a_cause_is_one_line_and_names_the_exception() -> None:
    result = rejected(COLLECTION)
    assert result.validation
    log = f"tests/test_a.py:1: in <module>\n{MISSING}"
    assert describe_cause(result.validation, log) == (
        "tests/test_a.py: ModuleNotFoundError: No module named 'numpy'"
    )
    solved = Rejection(stage="lock", reason="x", detail="\n  No   solution\n  because")
    assert describe_cause(make_validation(1, solved), log) == "No solution because"
    built = "#1 [internal] load\n#6 1.0 Installed a\n#6 1.2 E: no b\n#6 ERROR: process\n---\nRUN x"
    for detail, told in ((built, "E: no b"), ("Installed a\nE: no b\n", "E: no b"), ("", "")):
        failed = Rejection(stage="install", reason="x", detail=detail)
        assert describe_cause(make_validation(1, failed), log) == told
    assert describe_cause(make_validation(1), log) == ""


def fact(value: str) -> DraftValue:
    return DraftValue(value=value, reason="ci.yml")


DRAFT = RecipeDraft(
    repo="owner/name",
    import_name="",
    version_file=None,
    ranges=(
        RangeDraft(end="2", facts={"system_packages": (fact("graphviz"), fact("python-dev"))}),
        RangeDraft(first="2", facts={"system_packages": (fact("libold1"),)}),
    ),
    test_paths=(),
    warnings=(),
    seen=("2020-01-01 abc",),
)


def failure(log: str, stage: str = "build") -> TrialFailure:
    return TrialFailure(
        instance_id="owner__name-1", stage=stage, reason="failed", detail="", log=log
    )


def test_system_packages_that_apt_does_not_know_are_dropped() -> None:
    log = "#5 3.1 E: Unable to locate package libold1\n"
    log += "#5 3.1 E: Package 'python-dev' has no installation candidate\n"
    revised = revise_draft(DRAFT, [failure(log)])
    assert revised
    assert [it.facts for it in revised.ranges] == [{"system_packages": (fact("graphviz"),)}, {}]
    assert "libold1, python-dev" in revised.warnings[-1]
    assert revise_draft(revised, [failure(log)]) is None
    assert revise_draft(DRAFT, [failure(log, stage="collect")]) is None
    assert revise_draft(DRAFT, [failure("E: Unable to locate package another")]) is None
