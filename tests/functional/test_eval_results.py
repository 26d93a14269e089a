"""What is known of the evaluation of rows decides a release, and only that."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from curate.core.model import CrawlState
from curate.core.settings import Settings
from curate.git.locations import find_mirror
from curate.publish.context import PublishContext
from curate.publish.eval_results import compute_check_key
from curate.publish.excluded import excluded_instances
from curate.publish.filters.apply import RowExaminer
from curate.publish.filters.config import ReleaseFilters
from curate.publish.images import set_image
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.run import ReleaseOptions, ReleaseSteps, select_checked_rows
from curate.publish.tables import make_train_rows
from curate.releases.row import get_str
from curate.releases.table import RowTable
from curate.store import Store
from tests.helpers.factories import MOMENT, make_candidate, make_pull, make_validation
from tests.helpers.releases import IMAGE, train_row

OLDER, NEWER = "owner__name-7", "owner__name-8"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Two instances that are near-duplicates."""
    with Store(settings.data_dir) as store:
        for number in (7, 8):
            store.save_page("owner/name", [make_pull(number, repo="owner/name")], CrawlState())
            created = MOMENT.replace(day=number)
            store.save_candidate(make_candidate(number, created_at=created))
            command = f"pytest -q t.py -k {number}"  # or both had one evaluation
            store.save_validation("owner/name", make_validation(number, test_command=command))
        yield store


def select(
    store: Store, settings: Settings, problems: dict[str, str], **options: str
) -> dict[str, object]:
    """Results by instance id of a release in which a check finds *problems*."""

    def check(rows: RowTable) -> bool:
        known = store.eval_checks.load()
        new = [row for row in rows if compute_check_key(row) not in known]
        for row in new:
            problem = problems.get(get_str(row, "instance_id"), "")
            store.eval_checks.save(compute_check_key(row), problem)
        return any(problems.get(get_str(row, "instance_id")) for row in new)

    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        found = select_checked_rows(
            PublishContext(store=store, codebases=codebases),
            RowExaminer(ReleaseFilters()),
            ReleaseOptions(where=options.get("where", "")),
            ReleaseSteps(check=check),
        )
    return {get_str(row, "instance_id"): row["eval_verified"] for row in found.rows}


def test_a_failed_row_makes_room_for_its_near_duplicate(store: Store, settings: Settings) -> None:
    assert select(store, settings, {OLDER: "gold patch: t: FAILED"}) == {NEWER: True}
    assert select(store, settings, {}) == {NEWER: True}
    excluded = excluded_instances(settings, store, ReleaseFilters())
    assert {name: [str(it) for it in why] for name, why in excluded.items()} == {
        OLDER: ["failed-evaluation gold patch: t: FAILED"]
    }


def test_a_new_result_changes_what_is_excluded(store: Store, settings: Settings) -> None:
    assert list(excluded_instances(settings, store, ReleaseFilters())) == [NEWER]
    select(store, settings, {OLDER: "x"})
    assert list(excluded_instances(settings, store, ReleaseFilters())) == [OLDER]
    lenient = ReleaseFilters.model_validate({"tests": {"failed_evaluation": "include"}})
    assert list(excluded_instances(settings, store, lenient)) == [NEWER]


def test_a_condition_on_the_result_sees_the_new_one(store: Store, settings: Settings) -> None:
    assert select(store, settings, {}, where="eval_verified") == {OLDER: True}


def test_results_make_no_row_again(store: Store, settings: Settings) -> None:
    phases: list[str] = []
    with CodebaseReader(lambda repo: find_mirror(settings, repo)) as codebases:
        ctx = PublishContext(
            store=store, codebases=codebases, progress=lambda phase, *_: phases.append(phase)
        )

        def read(policy: str) -> dict[str, object]:
            filters = ReleaseFilters.model_validate({"tests": {"failed_evaluation": policy}})
            rows = make_train_rows(ctx, RowExaminer(filters)).rows
            known: dict[str, object] = {
                get_str(row, "instance_id"): row["eval_verified"] for row in rows
            }
            short = rows.iter_columns(("instance_id", "eval_verified"))
            assert [row["eval_verified"] for row in short] == list(known.values())
            return known

        assert read("exclude") == {OLDER: None}
        assert phases.count("making rows") == phases.count("filtering rows") == 2
        phases.clear()
        assert select(store, settings, {OLDER: "gold patch: t: FAILED"}) == {NEWER: True}
        assert read("exclude") == {NEWER: True}
        assert read("include") == {OLDER: False}
        assert phases == []


def test_a_result_holds_for_the_same_image_script_patch_and_lists() -> None:
    row = train_row(make_candidate(), make_validation())
    key = compute_check_key(row)
    assert compute_check_key(json.loads(json.dumps(row))) == key
    for name in ("eval_script", "patch", "image_digest"):
        assert compute_check_key(row | {name: "other"}) != key
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        assert compute_check_key(row | {name: ["other"]}) != key
    assert compute_check_key(row | {"leak_group": "g", "image": "other"}) == key
    assert compute_check_key(set_image(row, replace(IMAGE, digest="sha256:abc"))) == key
