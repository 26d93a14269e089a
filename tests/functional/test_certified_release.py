"""Certifications decide the next release: columns, quarantined tests, exclusions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.core.certification import Certification, CertificationResult
from curate.core.model import CrawlState
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.context import PublishContext
from curate.publish.excluded import excluded_instances
from curate.publish.filters.apply import RowExaminer
from curate.publish.filters.config import ReleaseFilters
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.tables import make_train_rows
from curate.releases.row import Row, get_list, get_str
from curate.store import Store
from tests.helpers.factories import (
    MOMENT,
    make_candidate,
    make_certification,
    make_differences,
    make_pull,
    make_validation,
)

ID, FIXED, KEPT = "owner__name-7", "t.py::a[x y]", "t.py::b"
MANIFEST = "sha256:" + "d" * 64
FLAKY = make_certification(
    result=CertificationResult.FLAKY, gold_passes=2, differences=make_differences(KEPT, "gold 2")
)
FAILED = make_certification(
    result=CertificationResult.FAILED,
    gold_passes=0,
    differences=make_differences(FIXED, "gold 1", "gold 2", "gold 3"),
)
MISSING = make_certification(
    result=CertificationResult.IMAGE_MISSING, gold_passes=0, gold_runs=0, image=MANIFEST
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.data_dir) as store:
        store.save_page("owner/name", [make_pull(7, repo="owner/name")], CrawlState())
        store.save_candidate(make_candidate())
        store.save_validation("owner/name", make_validation())
        yield store


def read(store: Store, settings: Settings, made: list[str] | None = None) -> dict[str, Row]:
    """The rows of a release by id; *made* gets the phases of the work."""

    def progress(phase: str, *_: int) -> None:
        if made is not None:
            made.append(phase)

    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        ctx = PublishContext(store=store, codebases=codebases, progress=progress)
        rows = make_train_rows(ctx, RowExaminer(ReleaseFilters())).rows
        return {get_str(row, "instance_id"): row for row in rows}


def excluded(store: Store, settings: Settings, **tests: str) -> Mapping[str, list[str]]:
    filters = ReleaseFilters.model_validate({"tests": tests})
    found = excluded_instances(settings, store, filters)
    return {name: [str(it) for it in reasons] for name, reasons in found.items()}


def later(one: Certification, days: int, **changes: Any) -> Certification:
    return replace(one, certified_at=MOMENT + timedelta(days=days), **changes)


def test_a_certification_is_two_columns_and_makes_no_row_again(
    store: Store, settings: Settings
) -> None:
    row = read(store, settings)[ID]
    assert (row["certified_at"], row["certified_passes"]) == ("", None)
    store.certifications.save(later(make_certification(), 2))
    made: list[str] = []
    row = read(store, settings, made)[ID]
    assert (row["certified_at"], row["certified_passes"]) == ("2022-03-06T05:06:07Z", 3)
    assert "making rows" not in made


def test_a_test_found_flaky_later_is_in_neither_list(store: Store, settings: Settings) -> None:
    assert KEPT in get_list(read(store, settings)[ID], "pass_to_pass_node_ids")
    store.certifications.save(FLAKY)
    store.certifications.save(later(make_certification(), 1))  # and it stays so
    row = read(store, settings)[ID]
    assert get_list(row, "pass_to_pass_node_ids") == ["t.py::c[\\xfc]"]
    assert get_list(row, "flaky_tests") == [KEPT, "t.py::d"]
    assert KEPT not in get_str(row, "eval_script") and row["certified_passes"] == 3


def test_gold_that_fails_is_excluded_until_it_passes_again(
    store: Store, settings: Settings
) -> None:
    store.certifications.save(FAILED)
    assert excluded(store, settings) == {
        ID: ["certification-failed gold passes in 0 of 3 runs (certified 2022-03-04)"]
    }
    assert read(store, settings) == {}
    assert excluded(store, settings, failed_certification="include") == {}
    store.certifications.save(later(make_certification(), 1))
    why = "certification-failed every FAIL_TO_PASS test is flaky (certified 2022-03-05)"
    assert excluded(store, settings) == {ID: [why]}


def test_an_instance_without_a_steady_fail_to_pass_test_is_excluded(
    store: Store, settings: Settings
) -> None:
    flaky = replace(FLAKY, differences=make_differences(FIXED, "gold 1"))
    store.certifications.save(flaky)
    assert excluded(store, settings)[ID] == [
        "certification-failed every FAIL_TO_PASS test is flaky (certified 2022-03-04)"
    ]


def test_what_another_image_did_does_not_count(store: Store, settings: Settings) -> None:
    for one in (FAILED, FLAKY):
        store.certifications.save(later(one, 1, image="sha256:of-an-older-build"))
        store.certifications.save(later(one, 2, dataset="SWE-Gym/SWE-Gym"))
    assert excluded(store, settings) == {}
    assert read(store, settings)[ID]["certified_passes"] is None


def test_an_older_release_that_is_certified_later_hides_nothing(
    store: Store, settings: Settings
) -> None:
    store.certifications.save(make_certification())
    store.certifications.save(later(FAILED, 1, image="sha256:of-an-older-build"))
    assert read(store, settings)[ID]["certified_passes"] == 3


def test_an_image_that_a_registry_lost_is_excluded_until_it_is_pushed(
    store: Store, settings: Settings
) -> None:
    reference = f"r.example/x/i@{MANIFEST}"
    store.save_pushed_image(ID, "r.example/x", "sha256:abc", reference)
    store.certifications.save(later(make_certification(), -1, image=MANIFEST))
    assert read(store, settings)[ID]["certified_passes"] == 3
    store.certifications.save(replace(MISSING, repository="r.example/x/i"))
    store.mark_pushed_image(reference, is_gone=True)
    assert store.pushed_images("r.example/x")[ID][0] != "sha256:abc"  # so it is pushed again
    assert excluded(store, settings)[ID] == [
        "certification-failed the registry no longer has its image (certified 2022-03-04)"
    ]
    store.save_pushed_image(ID, "r.example/x", "sha256:abc", reference)
    assert excluded(store, settings) == {}
    assert read(store, settings)[ID]["certified_passes"] == 3


def test_history_is_kept_and_the_newest_is_read(store: Store) -> None:
    ones = [later(FLAKY, 1), later(make_certification(), 2), later(FAILED, 3)]
    for one in (*ones, *ones):
        store.certifications.save(one)
    assert store.certifications.history(ID) == ones
    assert store.certifications.newest([ID, "other__name-1"]) == {ID: ones[2]}
    assert store.certifications.newest_good(ID) == ones[1]
    assert list(store.certifications.iter_all()) == ones
