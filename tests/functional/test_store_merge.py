"""Stores of several machines become one, in whatever order they are merged."""

from pathlib import Path

from curate.store import Store
from curate.store.merge import merge_stores
from tests.helpers.large_store import fill_store


def test_stores_are_merged_once(tmp_path: Path) -> None:
    fill_store(tmp_path / "a", candidates=40, verified=4)
    fill_store(tmp_path / "b", candidates=80, verified=6, rejected=2)
    with Store(tmp_path / "all") as target:
        report = merge_stores(target, [tmp_path / "a", tmp_path / "b", tmp_path / "a"])
        assert [(it.pulls, it.validations) for it in report.merged] == [(40, 4), (40, 4)]
        again = merge_stores(target, [tmp_path / "b", tmp_path / "a"])
        assert [(it.pulls, it.validations) for it in again.merged] == [(0, 0), (0, 0)]
        with Store(tmp_path / "b") as b:
            assert list(target.iter_candidates()) == list(b.iter_candidates())
            assert list(target.iter_verified()) == list(b.iter_verified())
