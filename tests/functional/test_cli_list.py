"""`curate list`, `logs`, `show` and what `validate` would run: ids in, ids out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.model import Outcome
from curate.core.model import CrawlState, Rejection, Run, Validation
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.terminal import Curate, typed

REPO = "GetMoto/moto"
FLAKY = Rejection(stage="validate", reason="flaky-tests", detail="1 flaky test")
UNBUILT = Rejection(stage="build", reason="environment-failed", detail="first line\nsecond line")
BUILD_LOG = "".join(f"step {number}\n" for number in range(100)) + "no such package \x1b[31m\n"
LONG_ID = "tests/test_a.py::test_b[" + "x" * 300 + "]"


def name(number: int) -> str:
    return f"GetMoto__moto-{number}"


def validation(store: Store, number: int, why: Rejection | None) -> Validation:
    made = replace(make_validation(rejection=why), instance_id=name(number))
    if why is UNBUILT:
        key = store.blobs.put(BUILD_LOG.encode())
        attempts = ("base requirements: build/environment-failed",)
        return replace(made, runs=(), environment=None, attempts=attempts, attempt_logs=(key,))
    runs = tuple(
        Run(
            side=side,
            index=index,
            status="completed",
            outcomes={LONG_ID: Outcome.PASSED},
            log=store.blobs.put(f"output {side} {index}".encode()),
        )
        for index in range(2)
        for side in ("before", "after")
    )
    return replace(made, runs=runs, verdict=replace(made.verdict, fail_to_pass=(LONG_ID,)))


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    """Pull 1 is pending, 2 verified, 3 flaky, 4 not built, 5 no candidate."""
    with Store(tmp_path / "data") as store:
        store.save_page(REPO, [make_pull(n, repo=REPO) for n in range(1, 6)], CrawlState())
        for number in range(1, 5):
            store.save_candidate(
                make_candidate(instance_id=name(number), repo=REPO, pull_number=number)
            )
        for number, why in ((2, None), (3, FLAKY), (4, UNBUILT)):
            store.save_validation(REPO, validation(store, number, why))
        store.reject_pull(REPO, 5, Rejection(stage="crawl", reason="no-tests", detail="none"))
    return lambda *arguments, **variables: typed(arguments, tmp_path, variables)


@pytest.fixture
def filters(tmp_path: Path) -> None:
    """Release filters that exclude every instance."""
    (tmp_path / "strict.toml").write_text("[tests]\nmin_pass_to_pass = 1000\n")
    (tmp_path / "curate.toml").write_text('release_filters = "strict.toml"\n')


def listed(curate: Curate, *flags: str) -> list[int]:
    done = curate("list", *flags)
    assert done.returncode == 0, done.stderr
    return [int(line.split("\t")[0].rpartition("-")[2]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("flags", "numbers"),
    [
        ((), [1, 2, 3, 4]),
        (("--state", "candidate"), [1, 2, 3, 4]),
        (("--state", "pending"), [1]),
        (("--state", "verified"), [2]),
        (("--state", "rejected"), [3, 4, 5]),
        (("--state", "excluded"), []),
        (("--reason", "flaky-tests"), [3]),
        (("--reason", "crawl/no-tests"), [5]),
        (("--reason", "nothing"), []),
        (("--repo", "getmoto/MOTO", "--where", "number > 3"), [4]),
        (("--where", "reason = 'no-tests' OR stage = 'build'", "--state", "rejected"), [4, 5]),
        (("--where", "created_at < '2000'"), []),
    ],
)
def test_ids_by_state_and_reason(
    curate: Curate, flags: tuple[str, ...], numbers: list[int]
) -> None:
    assert listed(curate, *flags) == numbers


def test_excluded_instances_are_verified_ones_with_a_reason(curate: Curate, filters: None) -> None:
    (line,) = curate("list", "--state", "excluded").stdout.splitlines()
    assert line.startswith(f"{name(2)}\tverified\texcluded/")
    reason = line.rpartition("/")[2]
    assert listed(curate, "--reason", reason) == [2]
    assert listed(curate, "--state", "verified") == [2]
    (row,) = json.loads(curate("list", "--state", "excluded", "--json").stdout)
    assert row["excluded"] == [reason]


def test_what_no_filter_has_examined_yet_is_said_and_listed_all_the_same(
    curate: Curate, filters: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.publish.excluded.MAX_QUICK_ROWS", 0)
    done = curate("list", "--state", "verified")
    assert done.stdout == f"{name(2)}\tverified\n"
    assert "1 instances are not examined" in done.stderr
    assert "curate list --state excluded" in done.stderr
    assert listed(curate, "--state", "excluded") == [2]
    done = curate("list", "--state", "verified")
    assert "excluded/" in done.stdout and not done.stderr


def test_a_row_says_state_and_reason_and_json_says_all(curate: Curate) -> None:
    lines = curate("list", "--state", "rejected").stdout.splitlines()
    assert lines[0] == f"{name(3)}\trejected\tvalidate/flaky-tests"
    rows = json.loads(curate("list", "--json").stdout)
    assert [row["state"] for row in rows] == ["pending", "verified", "rejected", "rejected"]
    assert json.loads(curate("list", "--json", "--reason", "none").stdout) == []


@pytest.mark.parametrize(
    ("where", "word"), [("nope", "no such column"), ("1); DROP TABLE pulls --", "one statement")]
)
def test_a_condition_that_is_none(curate: Curate, where: str, word: str) -> None:
    done = curate("list", "--where", where)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr and "instance_id" in done.stderr
    assert listed(curate) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "given",
    [
        name(3),
        name(3).lower(),
        "getmoto/moto#3",
        "https://github.com/GETMOTO/moto/pull/3/files",
    ],
)
def test_every_command_with_ids_takes_every_way_to_write_them(curate: Curate, given: str) -> None:
    assert json.loads(curate("show", given, "--json").stdout)["pull"]["number"] == 3
    assert "output after 0" in curate("logs", given).stdout
    assert name(3) in curate("recipe", "explain", given).stderr + "".join(
        curate("validate", given, "--retry-rejected", "--dry-run").stdout
    )


def test_logs_of_runs_by_side_and_number(curate: Curate) -> None:
    every = curate("logs", name(3)).stdout
    assert every.count("==> ") == 4 and "==> post-patch run 2 (completed) <==" in every
    assert curate("logs", name(3), "--side", "after", "--run", "2").stdout == "output after 1\n"
    (only,) = json.loads(curate("logs", name(3), "--side", "before", "--run", "1", "--json").stdout)
    assert only["log"] == "output before 0"
    assert curate("logs", name(3), "--run", "9").returncode == 4


def test_logs_of_a_build_that_failed_are_whole(curate: Curate) -> None:
    assert curate("logs", name(4), "--build").stdout == BUILD_LOG
    assert curate("logs", name(3), "--build").returncode == 4


@pytest.mark.parametrize(
    ("number", "hint"),
    [(1, f"curate validate {name(1)}"), (5, f"curate show {name(5)}"), (9, "curate list")],
)
def test_where_there_is_no_log_the_hint_leads_on(curate: Curate, number: int, hint: str) -> None:
    done = curate("logs", name(number))
    assert (done.returncode, done.stdout) == (4, "")
    assert hint in done.stderr


def test_show_says_verdict_address_lock_and_why(curate: Curate) -> None:
    rejected = curate("show", name(4)).stdout
    assert "verdict: rejected (build/environment-failed)" in rejected
    assert "https://github.com/GetMoto/moto/pull/4" in rejected
    assert "no such package ␛[31m" in rejected and "step 0\n" not in rejected
    assert f"curate logs {name(4)} --build" in rejected
    verified = curate("show", name(2)).stdout
    assert "verdict: verified" in verified
    assert f"lock: 1 package; to see them: curate show {name(2)} --full" in verified
    assert "a==1" in curate("show", name(2), "--full").stdout
    assert "verdict: pending" in curate("show", name(1)).stdout


def test_what_is_read_by_a_program_is_not_cut(curate: Curate) -> None:
    assert LONG_ID in curate("show", name(2), COLUMNS="40").stdout
    row = [x for x in curate("status", COLUMNS="30").stdout.splitlines() if REPO in x][-1]
    assert len(row.split()) >= 3


def test_a_dry_run_lists_what_would_run_and_what_it_costs(curate: Curate, tmp_path: Path) -> None:
    done = curate("validate", "--dry-run", "--limit", "1", "--retry-rejected")
    assert done.stdout.split() == [name(1)]
    assert "GB of disk" in done.stderr and "3 earlier validations" in done.stderr
    retried = curate("validate", "--reason", "flaky-tests", "--dry-run", "--json")
    assert json.loads(retried.stdout)["ids"] == [name(3)]
    assert listed(curate, "--state", "rejected") == [3, 4, 5]


def test_a_reason_that_nobody_was_rejected_for(curate: Curate) -> None:
    done = curate("validate", "--reason", "flaky-test", "--dry-run")
    assert done.returncode == 4
    assert "curate status" in done.stderr


def test_a_hint_repeats_the_options_that_lead_to_the_data(curate: Curate) -> None:
    done = curate("--data-dir", "da ta", "list", "--repo", "a/b")
    assert "curate --data-dir 'da ta' crawl a/b" in done.stderr
