"""Commands tell which verified instances the release filters exclude, with every reason."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import CrawlState, Rejection, Verdict
from curate.core.settings import Settings
from curate.publish import tables
from curate.publish.excluded import excluded_instances
from curate.publish.filters.config import Exclusion, ReleaseFilters
from curate.publish.tables import find_exclusions
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.terminal import Curate, Typed, typed

FindExcluded = Callable[..., tuple[list[str], int]]


RULES = "[text]\nmin_words = 3\n[leaks]\nexclude = ['pull in problem_statement']\n"
FALLEN = Verdict(
    fail_to_pass=(), pass_to_pass=(), rejection=Rejection(stage="validate", reason="flaky-tests")
)


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    """Commands in a folder whose store has 7 (good), 8 (excluded twice), 9 (rejected)."""
    with Store(tmp_path / "data") as store:
        for number, statement in ((7, "It breaks very badly."), (8, "See #8"), (9, "x")):
            one = make_candidate(
                instance_id=f"owner__name-{number}",
                pull_number=number,
                problem_statement=statement,
                patch=make_candidate().patch.replace(b"+2", b"+%d" % (number * 7919)),
            )
            store.save_page("owner/name", [make_pull(number, repo="owner/name")], CrawlState())
            store.save_candidate(one)
            record = replace(make_validation(), instance_id=one.instance_id)
            store.save_validation(
                "owner/name", replace(record, verdict=FALLEN) if number == 9 else record
            )
    (tmp_path / "mine.toml").write_text(RULES)
    variables = {"CURATE_RELEASE_FILTERS": "mine.toml", "COLUMNS": "200"}

    def run(*arguments: str, expected: int = 0) -> Typed:
        done = typed(arguments, tmp_path, variables)
        assert done.returncode == expected, done.stderr
        return done

    return run


def test_status_counts_by_reason(curate: Curate) -> None:
    (told,) = json.loads(curate("status", "--json").stdout)["repositories"].values()
    assert told["verified"] == 2
    assert told["excluded"] == {"leak": 1, "words-out-of-bounds": 1}
    lines = [line.split() for line in curate("status").stdout.splitlines()]
    assert ["owner/name", "leak", "1"] in lines
    assert "Excluded by filter preset 'mine.toml': 1 verified instances" in curate("status").stdout


def test_show_names_every_reason(curate: Curate) -> None:
    told = json.loads(curate("show", "owner__name-8", "--json").stdout)["excluded"]
    assert told == [
        {"reason": "leak", "detail": "pull in problem_statement"},
        {"reason": "words-out-of-bounds", "detail": "2, minimum 3"},
    ]
    assert "excluded from a release: leak pull in" in curate("show", "owner__name-8").stdout
    for other in ("owner__name-7", "owner__name-9"):
        assert json.loads(curate("show", other, "--json").stdout)["excluded"] == []


def test_check_names_what_the_release_lacks(curate: Curate) -> None:
    curate("publish")
    said = curate("publish", "check").stderr
    assert "warning: train owner__name-8: excluded: leak pull in problem_statement" in said
    assert "0 errors, 1 warnings; 1 excluded" in said
    told = json.loads(curate("publish", "check", "--json").stdout)
    assert [one["instance_id"] for one in told if "excluded" in one["reason"]] == [
        "owner__name-8"
    ] * 2


def test_a_release_can_be_checked_without_its_store(curate: Curate, tmp_path: Path) -> None:
    curate("publish", "--output", "release")
    said = curate("--data-dir", "other", "publish", "check", "release").stderr
    assert "0 excluded" in said
    assert not (tmp_path / "other").exists()


def test_a_list_is_printed_from_rows(curate: Curate, tmp_path: Path) -> None:
    curate("export", "--split", "verified", "rows.jsonl")
    (tmp_path / "list.toml").write_text(curate("publish", "benchmark-list", "rows.jsonl").stdout)
    (tmp_path / "mine.toml").write_text("[contamination]\nlists = ['list.toml']\n")
    told = json.loads(curate("show", "owner__name-7", "--json").stdout)["excluded"]
    assert [one["reason"] for one in told] == ["benchmark-pull", "benchmark-patch"]
    assert (
        "Cannot read the columns"
        in curate("publish", "benchmark-list", "mine.toml", expected=2).stderr
    )
    assert (
        "Cannot read the columns"
        in curate("publish", "benchmark-list", "none.parquet", expected=2).stderr
    )


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FindExcluded]:
    """Ask what is excluded; return the ids, and how often it was computed."""
    made: list[int] = []

    def counted(*arguments: Any) -> Mapping[str, Sequence[Exclusion]]:
        made.append(1)
        return find_exclusions(*arguments)

    monkeypatch.setattr(tables, "find_exclusions", counted)

    def ask(
        rules: ReleaseFilters | None = None, *more: str, **changes: Any
    ) -> tuple[list[str], int]:
        for index, text in enumerate(("Good.", *more)):
            one = make_candidate(
                instance_id=f"owner__name-{index}",
                pull_number=index,
                problem_statement=text,
                patch=make_candidate().patch.replace(b"+2", b"+%d" % (index * 7919)),
            )
            store.save_candidate(one)
            record = replace(make_validation(**changes), instance_id=one.instance_id)
            store.save_validation("owner/name", record)
        return sorted(excluded_instances(settings, store, rules or ReleaseFilters())), len(made)

    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    with Store(tmp_path / "data") as store:
        yield ask


def test_the_answer_is_remembered_until_something_changes(
    held: FindExcluded, tmp_path: Path
) -> None:
    wordy = ReleaseFilters.model_validate({"text": {"min_words": 2}})
    assert held() == ([], 1)
    assert held() == ([], 1)
    assert held(wordy) == (["owner__name-0"], 2)
    assert held(wordy) == (["owner__name-0"], 2)
    assert held(wordy, "Bad.") == (["owner__name-0", "owner__name-1"], 3)
    assert held(wordy, "Is good.") == (["owner__name-0"], 4)
    later = make_validation().finished_at + timedelta(days=1)
    assert held(wordy, "Is good.", finished_at=later) == (["owner__name-0"], 5)
