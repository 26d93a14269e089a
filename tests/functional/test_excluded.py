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
    variables["DOCKER_HOST"] = f"unix://{tmp_path}/none.sock"  # its images are not those of a test

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
    curate("publish", "--allow-local-images")
    said = curate("publish", "check").stderr
    assert "warning: train owner__name-8: excluded: leak pull in problem_statement" in said
    assert "0 errors, 2 warnings; 1 excluded" in said
    told = json.loads(curate("publish", "check", "--json").stdout)
    assert [one["instance_id"] for one in told if "excluded" in one["reason"]] == [
        "owner__name-8"
    ] * 2


def test_a_release_can_be_checked_without_its_store(curate: Curate, tmp_path: Path) -> None:
    curate("publish", "--output", "release", "--allow-local-images")
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
    missing = curate("publish", "benchmark-list", "none.parquet", expected=4)
    assert "No such file" in missing.stderr


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
    assert held() == ([], 2), "other filters, which another command uses, make nothing forgotten"
    assert held(wordy, "Bad.") == (["owner__name-0", "owner__name-1"], 3)
    assert held(wordy, "Is good.") == (["owner__name-0"], 4)
    later = make_validation().finished_at + timedelta(days=1)
    assert held(wordy, "Is good.", finished_at=later) == (["owner__name-0"], 5)


def test_only_what_is_new_is_made_again(tmp_path: Path) -> None:
    """Rows of a large store take long: a second call must not make them again."""
    made: list[tuple[str, int]] = []

    def note(phase: str, done: int, total: int) -> None:
        made.append((phase, total))

    settings = Settings(data_dir=tmp_path / "data")

    def ask(store: Store, filters: ReleaseFilters) -> tuple[list[str], dict[str, int]]:
        made.clear()
        found = excluded_instances(settings, store, filters, note)
        return sorted(found), dict(made)

    plain, grouped = ReleaseFilters(), ReleaseFilters(one_per_leak_group=True)
    with Store(tmp_path / "data") as store:
        fill_numbers(store, range(1, 5))
        assert ask(store, plain) == ([], {"making rows": 4, "filtering rows": 4})
        assert ask(store, plain) == ([], {})
        fill_numbers(store, range(5, 6))
        assert ask(store, plain) == ([], {"making rows": 1, "filtering rows": 1})
        steps = {"comparing candidates": 5, "filtering rows": 5}
        assert ask(store, grouped) == ([f"owner__name-{n}" for n in (2, 3, 4, 5)], steps)
        again = replace(make_validation(instance_id="owner__name-5"), test_command="pytest -x t.py")
        store.save_validation("owner/name", again)  # at the same time, of the same inputs
        assert ask(store, plain)[1] == {"making rows": 1, "filtering rows": 5}
        assert ask(store, grouped)[1] == {"filtering rows": 5}
        fill_numbers(store, range(6, 7))
        steps = {"making rows": 1, "filtering rows": 1, "comparing candidates": 1}
        assert ask(store, grouped)[1] == steps
    # What is stored makes no difference: a store that never answered before says the same.
    with Store(tmp_path / "other") as store:
        fill_numbers(store, range(1, 7))
        store.save_validation("owner/name", again)
        first = excluded_instances(Settings(data_dir=tmp_path / "other"), store, grouped)
    with Store(tmp_path / "data") as store:
        assert excluded_instances(settings, store, grouped) == first


def fill_numbers(store: Store, numbers: Sequence[int]) -> None:
    """Save verified candidates that close the same issue with changes of their own."""
    for number in numbers:
        one = make_candidate(
            instance_id=f"owner__name-{number}",
            pull_number=number,
            problem_statement=f"Case {number} is not as the manual says.",
            patch=make_candidate().patch.replace(b"+2", b"+%d" % (number * 7919)),
        )
        store.save_candidate(one)
        store.save_validation("owner/name", make_validation(instance_id=one.instance_id))


def test_status_of_many_new_instances_says_that_they_are_not_examined(
    curate: Curate, tmp_path: Path
) -> None:
    with Store(tmp_path / "data") as store:
        fill_numbers(store, range(10, 40))
    assert json.loads(curate("status", "--json").stdout)["unexamined"] == 32
    assert "32 instances are not examined by release filters yet" in curate("status").stdout
    shown = curate("show", "owner__name-8", "--json")
    assert "Not compared with other instances yet" in shown.stderr
    assert len(json.loads(shown.stdout)["excluded"]) == 2
    curate("publish", "--allow-local-images")
    told = json.loads(curate("status", "--json").stdout)
    assert "unexamined" not in told
    assert told["repositories"]["owner/name"]["excluded"]["leak"] == 1
    assert "Not compared" not in curate("show", "owner__name-8").stderr


def test_a_person_excludes_and_takes_it_back(curate: Curate, tmp_path: Path) -> None:
    names = ("owner__name-7", "owner__name-9")
    done = curate("exclude", *names, "--reason", "names a person", "--author", "ann", "--json")
    assert [one["instance_id"] for one in json.loads(done.stdout)] == list(names)
    with Store(tmp_path / "data") as store:  # crawled and validated again
        candidate = store.get_candidate("owner__name-7")
        assert candidate is not None
        store.save_candidate(replace(candidate, hints_text="Another hint."))
        store.save_validation("owner/name", make_validation(instance_id="owner__name-7"))
    (listed, _) = json.loads(curate("exclude", "--list", "--json").stdout)
    assert (listed["author"], listed["reason"]) == ("ann", "names a person")
    assert listed["excluded_at"].endswith("Z")
    assert "names a person" in curate("exclude", "--list").stdout
    status = json.loads(curate("status", "--json").stdout)["repositories"]["owner/name"]
    assert status["excluded"]["manual"] == 1  # 9 is not verified
    for name in names:
        (why,) = json.loads(curate("show", name, "--json").stdout)["excluded"]
        assert why["reason"] == "manual"
        assert why["detail"].startswith("names a person (ann, ")
    refused = curate("publish", "--allow-local-images", expected=2).stderr
    assert "all 2 verified ones are excluded" in refused
    with Store(tmp_path / "data") as store:
        fill_numbers(store, [11])
    curate("publish", "--allow-local-images")
    said = curate("publish", "check").stderr
    assert "owner__name-7: excluded: manual names a person" in said
    new = "owner__name-11"
    for split, left in (("raw", {"owner__name-8", new}), ("verified", {new})):
        lines = curate("export", "--split", split, "-").stdout.splitlines()
        assert {json.loads(line)["instance_id"] for line in lines} == left
    curate("exclude", *names, "--undo")
    assert "No candidate" in curate("exclude", "--list").stdout
    lines = curate("export", "-").stdout.splitlines()
    assert [json.loads(line)["instance_id"] for line in lines] == ["owner__name-7", new]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["owner__name-7", "a__b-1", "c__d-2", "--reason", "x"], 4, "Unknown: a__b-1, c__d-2"),
        (["owner__name-7", "--undo"], 4, "Not excluded: owner__name-7"),
        (["owner__name-7"], 2, "--reason"),
        (["owner__name-7", "--reason", " "], 2, "--reason"),
        (["owner__name-7", "--reason", "x", "--undo"], 2, "--undo"),
        (["--reason", "x"], 2, "No ID"),
        (["owner__name-7", "--list"], 2, "--list"),
    ],
)
def test_exclusions_that_cannot_be_made(
    curate: Curate, arguments: list[str], code: int, words: str
) -> None:
    done = curate("exclude", *arguments, expected=code)
    assert words in " ".join(done.stderr.split())
    assert json.loads(curate("exclude", "--list", "--json").stdout) == []
