"""The browser of instances as files: the same store the same bytes, and only what changed anew."""

import json
from pathlib import Path

import pytest

from curate.core.model import Rejection, Validation
from curate.store import Store
from tests.helpers.browsed_store import list_files, make_browsed_store, write_site
from tests.helpers.factories import make_candidate, make_validation


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_browsed_store(tmp_path / "data", fillers=200)
    return tmp_path / "data"


def _contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in list_files(folder)}


def test_the_same_store_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    write_site(data, tmp_path / "first")
    write_site(data, tmp_path / "second")
    write_site(data, tmp_path / "third", previous=tmp_path / "first")
    first = _contents(tmp_path / "first")
    assert first == _contents(tmp_path / "second") == _contents(tmp_path / "third")


def test_only_chunks_whose_candidates_changed_are_new(data: Path, tmp_path: Path) -> None:
    write_site(data, tmp_path / "first")
    with Store(data) as store:
        why = Rejection(stage="validate", reason="timeout", detail="")
        store.save_validation("second/project", _validate("second__project-150", why))
        store.save_candidate(make_candidate(12))
    write_site(data, tmp_path / "second", previous=tmp_path / "first")
    before, after = (set(list_files(tmp_path / it / "data/details")) for it in ("first", "second"))
    assert 1 <= len(after - before) <= 3 < len(after)
    kept = (tmp_path / "first/data/details" / min(before & after)).stat()
    assert kept.st_nlink == 2  # not written again


def _validate(name: str, why: Rejection) -> Validation:
    return make_validation(7, why, instance_id=name, environment=None, runs=())


def test_chunks_are_small_and_hold_nothing_that_ends_a_script(data: Path, tmp_path: Path) -> None:
    write_site(data, tmp_path / "site")
    for path in (tmp_path / "site/data").rglob("*.js"):
        text = path.read_text(encoding="ascii")
        assert len(text) < 1_000_000
        assert "</" not in text


def test_a_report_of_no_store_has_an_empty_list(tmp_path: Path) -> None:
    write_site(tmp_path / "nowhere", tmp_path / "site")
    assert "0 candidates" in (tmp_path / "site/instances.html").read_text()
    assert not (tmp_path / "nowhere").exists()


def test_rows_say_what_the_command_line_says(data: Path, tmp_path: Path) -> None:
    write_site(data, tmp_path / "site")
    script = (tmp_path / "site/data/rows-000.js").read_text()
    columns = json.loads(script.removeprefix("curateRows.add(").removesuffix(");\n"))
    states = [columns["state"]["values"][code] for code in columns["state"]["codes"]]
    reasons = [columns["reason"]["values"][code] for code in columns["reason"]["codes"]]
    assert states[:4] == ["verified", "rejected", "pending", "excluded"]
    assert reasons[1] == "validate/flaky-tests"
    assert {"excluded/leak", "excluded/manual"} == set(reasons[3].split(", "))
    assert columns["number"][:4] == [7, 8, 9, 10]
