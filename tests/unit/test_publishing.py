"""What releases are checked for, how they differ, what they cost, and the figures on their card."""

import logging
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import Candidate, Environment
from curate.publish import stored_rows, tables
from curate.publish.check import check_release_folder
from curate.publish.context import PublishContext
from curate.publish.diff import diff_folders, diff_rows
from curate.publish.filters.apply import SplitExaminers
from curate.publish.filters.config import ReleaseFilters
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.push_estimate import estimate_push
from curate.publish.rows import make_raw_row, make_train_row
from curate.publish.statistics import MEASURES, MeasuredRows, load_paper_statistics
from curate.releases import columns
from curate.store import Store
from tests.helpers.factories import make_candidate, make_validation
from tests.helpers.fakes import not_none
from tests.helpers.releases import good, released


def faults(folder: Path, rules: ReleaseFilters | None = None) -> list[str]:
    return [
        str(fault)
        for fault in check_release_folder(folder, rules or ReleaseFilters())
        if fault.blocks_push
    ]


def test_a_good_release_has_no_fault_and_a_local_image_is_a_warning(tmp_path: Path) -> None:
    folder = released(
        tmp_path / "r", good(7), good(9), raw=(make_raw_row(make_candidate()),), lite=[good(9)]
    )
    assert check_release_folder(folder, ReleaseFilters()) == []
    (warning,) = check_release_folder(
        released(tmp_path / "s", good(7, image="local/i:1")), ReleaseFilters()
    )
    assert (warning.blocks_push, warning.instance_id) == (False, "owner__name-7")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FAIL_TO_PASS": [], "fail_to_pass_node_ids": []}, "FAIL_TO_PASS is empty"),
        ({"FAIL_TO_PASS": ["t.py::a[x y]"]}, "fail_to_pass_node_ids differ"),
        ({"base_commit": "main"}, "base_commit"),
        ({"patch": ""}, "patch is not a git patch"),
        ({"problem_statement": " \n"}, "problem_statement is empty"),
        ({"eval_script": "true\n"}, "does not print"),
        ({"pull_number": 8}, "instance_id does not match"),
        ({"image": ""}, "image is empty"),
        ({"repo": "django/django"}, "benchmark-repository"),
        ({"hints_text": "hf" + "_" + "qBwDeRgTiYkUmIoPaRsSuDwFyGaHcJeKgL"}, "secret hints_text"),
    ],
)
def test_a_bad_row_is_named_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    folder = released(tmp_path / "r", good(9), good(7, **changes))
    told = faults(folder)
    assert told
    assert all(one.startswith("train owner__name-7: ") for one in told)
    assert any(words in one for one in told)


def test_the_check_tells_what_was_not_run_in_its_image(tmp_path: Path) -> None:
    rows = (good(7, eval_verified=None), good(9))
    (warning,) = check_release_folder(released(tmp_path / "r", *rows), ReleaseFilters())
    assert "eval_script of 1 rows was not run" in str(warning)
    assert not warning.blocks_push
    assert faults(released(tmp_path / "s", good(7, eval_verified=False))) == [
        "train owner__name-7: failed-evaluation"
    ]


def test_rules_are_part_of_the_check(tmp_path: Path) -> None:
    folder = released(tmp_path / "r", good(7, license_spdx="X"))
    assert faults(folder) == []
    rules = ReleaseFilters.model_validate({"license": {"allowed": ["MIT"]}})
    assert faults(folder, rules) == ["train owner__name-7: license X"]


def test_subsets_belong_to_train(tmp_path: Path) -> None:
    folder = released(tmp_path / "r", good(7), lite=[good(9)])
    assert faults(folder) == ["lite owner__name-9: is not in train"]


def test_lists_as_text_that_are_missing_or_others_are_faults(tmp_path: Path) -> None:
    name = "swebench-strings/train-00000-of-00001.parquet"
    folder = released(tmp_path / "r", good(7))
    other = released(tmp_path / "other", good(7, PASS_TO_PASS=["t.py::other"]))
    for change in ("others", "missing"):
        if change == "others":
            shutil.copy(other / name, folder / name)
        else:
            (folder / name).unlink()
        sums = [it for it in (folder / "SHA256SUMS").read_text().splitlines() if name not in it]
        if change == "others":
            sums.append(f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}")
        (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
        (told,) = faults(folder)
        assert ("has other tests" if change == "others" else "is missing") in told


def test_other_columns_and_changed_files_are_faults(tmp_path: Path) -> None:
    import pyarrow.parquet

    folder = released(tmp_path / "r", good(7))
    path = folder / "data/train-00000-of-00001.parquet"
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.drop_columns(["python"]), path)
    assert faults(folder) == ["data/train-00000-of-00001.parquet does not match SHA256SUMS."]
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    lines = [
        f"{sha256(path.read_bytes()).hexdigest()}  {line[66:]}" if "data/train" in line else line
        for line in sums
    ]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    (told,) = faults(folder)
    assert "different columns: python" in told


def test_the_card_tells_splits_figures_and_what_is_held_back(tmp_path: Path) -> None:
    text = (released(tmp_path / "r", good(7), lite=[good(7)]) / "README.md").read_text()
    assert "  - split: lite\n    path: data/lite-*.parquet" in text
    assert "| publish/license | 3 |" in text
    assert "| MIT | 2 |\n| unclear | 1 |" in text
    assert f"Schema version: {columns.SCHEMA_VERSION}." in text
    assert 'load_dataset("o/n", split="lite")' in text


def test_differences_by_column() -> None:
    old = [good(7), good(8), good(9)]
    new = [good(7), good(8, version="2", python="3.9"), good(10)]
    found = diff_rows("train", old, new)
    assert (found.added, found.removed) == (["owner__name-10"], ["owner__name-9"])
    assert (found.changed, found.columns) == (["owner__name-8"], {"version": 1, "python": 1})
    assert not diff_rows("train", old, old)
    without = [{k: v for k, v in row.items() if k != "python"} for row in old]
    assert diff_rows("train", without, old).new_columns == ["python"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, "null"),
        (None, ""),
        ("", []),
        ([], [""]),
        (["a", "b"], ["ab"]),
        (["a", "b"], ["b", "a"]),
        ('["a"]', ["a"]),
        (-1, -2),
        (1, 1.0),
        (True, 1),
        ("\ud800", "\udfff"),
    ],
)
def test_values_that_look_alike_differ(old: Any, new: Any) -> None:
    rows = [good(7, image_digest=value) for value in (old, new)]
    assert diff_rows("train", rows[:1], rows[1:]).columns == {"image_digest": 1}
    assert not diff_rows("train", rows[:1], [{**rows[0]}])


def test_folders_differ_by_split(tmp_path: Path) -> None:
    old, new = released(tmp_path / "a", good(7)), released(tmp_path / "b", good(7), lite=[good(7)])
    assert {one.split: len(one.added) for one in diff_folders(old, new)} == {"lite": 1, "train": 0}
    assert [len(one.added) for one in diff_folders(tmp_path / "none", old)] == [1]


def environment(name: str, env: str = "e1", **sizes: int) -> Environment:
    layers = {"base": 100, "environment": 10, "instance": 1} | sizes
    files = {"base": "FROM x\n", "environment": "FROM base:1\n", "instance": f"FROM env:{env}\n"}
    plain = not_none(make_validation().environment)
    return replace(plain, digest=name, layer_bytes=layers, dockerfiles=files)


def test_shared_layers_are_sent_once_and_known_ones_not_at_all() -> None:
    every = [("a", environment("a")), ("b", environment("b")), ("c", environment("c", "e2"))]
    cost = estimate_push(every, set())
    assert cost.bytes_by_layer == {"base": 100, "environment": 20, "instance": 3}
    assert (cost.total_bytes, cost.images_to_send, cost.images_present) == (123, 3, 0)
    later = estimate_push(every, {"a"})
    assert later.bytes_by_layer == {"instance": 2, "environment": 10}
    assert estimate_push(every, {"a", "b", "c"}).total_bytes == 0
    unknown = not_none(make_validation().environment)  # sizes not recorded
    assert estimate_push([("d", unknown)], set()).total_bytes == 0


def test_figures_are_means_of_what_was_measured() -> None:
    rows = [good(7, codebase_files=10), good(9, codebase_files=20), good(11, repo="a/b")]
    measured = MeasuredRows()
    for each in rows:
        measured.add(each)
    found = measured.compute_means()
    assert set(found) == set(MEASURES)
    assert (found["instances"], found["repositories"], found["codebase_files"]) == (3, 2, 15)
    assert (found["fail_to_pass"], found["tests"]) == (1, 3)
    assert found["codebase_lines"] is None
    assert measured.counts_by_repo() == {"owner/name": 2, "a/b": 1}
    assert (
        set(load_paper_statistics("swe-gym").means)
        == set(load_paper_statistics("swe-gym-lite").means)
        == set(MEASURES)
    )


def test_a_bug_excludes_one_row_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "curate")
    right = make_train_row

    def fail_one(candidate: Candidate, *facts: Any) -> Any:
        if candidate.pull_number == 7:
            raise ValueError("odd")
        return right(candidate, *facts)

    monkeypatch.setattr(stored_rows, "make_train_row", fail_one)
    monkeypatch.setattr(
        tables,
        "make_raw_row",
        lambda c, facts: fail_one(c) if c.pull_number == 7 else make_raw_row(c, facts),
    )
    with Store(tmp_path) as store, CodebaseReader() as codebases:
        for number in (7, 9):
            store.save_candidate(make_candidate(number))
            store.save_validation("owner/name", make_validation(number))
        ctx = PublishContext(store=store, codebases=codebases)
        examiners = SplitExaminers(ReleaseFilters(near_duplicate_threshold=0))
        for made in (
            tables.make_train_rows(ctx, examiners.train),
            tables.make_raw_rows(ctx, examiners.raw),
        ):
            assert list(made.rows.ids) == ["owner__name-9"]
            (exclusion,) = made.excluded["owner__name-7"]
            assert str(exclusion) == "unexpected-error unexpected ValueError: odd"
    assert "Traceback" in caplog.text
