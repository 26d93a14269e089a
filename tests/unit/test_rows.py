"""Rows: the columns in their order, and problems instead of rows that cannot be stored."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from curate.core.model import Rejection, TestStrength, Verdict
from curate.publish.filters.config import Exclusion
from curate.publish.measures.codebase import CodebaseSize
from curate.publish.rows import CodebaseFacts, PublishedImage, make_raw_row, make_train_row
from curate.releases import columns
from tests.helpers.factories import MOMENT, make_candidate, make_validation
from tests.helpers.fakes import not_none
from tests.helpers.releases import raw_row, train_row


def test_train_row_has_every_column_in_order() -> None:
    row = train_row(make_candidate(), make_validation())
    assert list(row) == [column.name for column in columns.TRAIN_COLUMNS]
    assert list(row)[:11] == [
        "instance_id",
        "hints_text",
        "patch",
        "test_patch",
        "created_at",
        "problem_statement",
        "repo",
        "base_commit",
        "version",
        "PASS_TO_PASS",
        "FAIL_TO_PASS",
    ]
    kinds = {"string": str, "int64": int, "list[string]": list}
    for column in columns.TRAIN_COLUMNS:
        if row[column.name] is None:
            assert column.kind.endswith("?"), column.name
        else:
            assert type(row[column.name]) is kinds[column.kind.rstrip("?")], column.name


def test_train_row_says_what_the_record_says() -> None:
    row = train_row(make_candidate(), make_validation())
    assert row["created_at"] == "2022-03-04T05:06:07Z"
    assert row["FAIL_TO_PASS"] == ["t.py::a[x%20y]"]
    assert row["fail_to_pass_node_ids"] == ["t.py::a[x y]"]
    assert row["PASS_TO_PASS"] == ["t.py::b", "t.py::c[%5Cxfc]"]
    assert json.loads(row["pre_fix_outcomes"]) == {"t.py::a[x y]": "missing"}
    assert row["issue_numbers"] == ["3", "5"]
    assert [link["number"] for link in json.loads(row["issue_links"])] == [5, 3]
    assert row["n_validation_runs"] == 6
    assert (row["image"], row["image_digest"]) == ("curate/instance:abc", "sha256:abc")
    assert row["test_patch"] in row["eval_script"]
    assert "\npytest -q t.py\necho '>>>>> End" in row["eval_script"]


def test_rows_say_how_a_client_prints_the_status_of_each_test() -> None:
    environment = not_none(make_validation().environment)
    variables = {"PYTEST_ADDOPTS": "-p no:x", "A": "it's"}
    validation = make_validation(environment=replace(environment, env_vars=variables))
    row = train_row(make_candidate(), validation)
    config = json.loads(row["install_config"])
    assert (row["language"], config["install"], config["log_parser"]) == (
        "python",
        [],
        row["log_parser"],
    )
    *exports, command = config["test_cmd"]
    assert command == row["test_command"]
    values = dict(shlex.split(it)[1].split("=", 1) for it in exports)
    assert values["PYTEST_ADDOPTS"] == "-p no:x -rA --color=no"
    assert (values["A"], values["HOME"]) == ("it's", "/tmp")


def test_rows_say_if_an_issue_was_edited_after_the_pull_was_opened() -> None:
    plain, edited = make_candidate(), make_candidate(statement_edited_after=MOMENT)
    for candidate, expected in ((plain, ""), (edited, "2022-03-04T05:06:07Z")):
        assert train_row(candidate, make_validation())["statement_edited_after"] == expected
        assert raw_row(candidate)["statement_edited_after"] == expected


def test_image_overrides_what_was_built() -> None:
    image = PublishedImage(reference="r.example/i:1", digest="sha256:d", env_vars={"A": "1"})
    row = train_row(make_candidate(), make_validation(), image)
    assert (row["image"], row["image_digest"]) == ("r.example/i:1", "sha256:d")
    assert "export A=1\n" in row["eval_script"]


def test_tests_are_evaluated_as_they_were_validated() -> None:
    environment = replace(not_none(make_validation().environment), env_vars={"HOME": "/home/x"})
    with_home = make_validation(environment=environment)
    for validation, home in ((make_validation(), "/tmp"), (with_home, "/home/x")):
        script = train_row(make_candidate(), validation)["eval_script"]
        assert f"export HOME={home}\n" in script
        assert "export USER=curate\n" in script
        assert "export PYTHONHASHSEED=0\n" in script
        assert "setpriv --reuid=1000 --regid=1000" in script


def test_the_base_and_the_patch_are_measured() -> None:
    base = CodebaseFacts(license="MIT", size=CodebaseSize(files=7, lines=90), highest_number=5)
    row = train_row(
        make_candidate(problem_statement="See #5. " * 30), make_validation(), codebase=base
    )
    assert (row["license_spdx"], row["codebase_files"], row["codebase_lines"]) == ("MIT", 7, 90)
    assert (row["files_edited"], row["lines_edited"], row["functions_edited"]) == (1, 2, None)
    assert row["lite_violations"] == row["lite_violations_documented"] == ["reference"]
    assert raw_row(make_candidate(), base)["license_spdx"] == "MIT"


def test_without_an_image_the_row_still_exports_what_the_tests_need() -> None:
    environment = replace(not_none(make_validation().environment), env_vars={"A": "1"})
    assert (
        "export A=1\n"
        in train_row(make_candidate(), make_validation(environment=environment))["eval_script"]
    )


def test_strength_is_the_share_of_pieces_that_are_missed() -> None:
    assert train_row(make_candidate(), make_validation())["test_strength"] is None
    strength = TestStrength(hunks=("a", "b", "c", "d"), untested=("b",))
    row = train_row(make_candidate(), make_validation(test_strength=strength))
    assert (row["test_strength"], row["untested_hunks"]) == (0.75, ["b"])


def rejected() -> Verdict:
    return Verdict(
        fail_to_pass=(),
        pass_to_pass=(),
        rejection=Rejection(stage="validate", reason="flaky-tests"),
    )


@pytest.mark.parametrize(
    ("of_candidate", "of_validation", "reason"),
    [
        ({"patch": b"\xff"}, {}, "patch-not-utf8"),
        ({"test_patch": b"\xe9\n"}, {}, "patch-not-utf8"),
        ({"problem_statement": "\ud800"}, {}, "text-not-unicode"),
        ({}, {"verdict": rejected()}, "not-verified"),
        ({}, {"verdict": Verdict(fail_to_pass=(), pass_to_pass=("a",))}, "no-fail-to-pass"),
        ({}, {"environment": None}, "no-environment"),
        ({}, {"test_command": "a\nb"}, "command-not-one-line"),
    ],
)
def test_what_cannot_be_published_is_a_problem(
    of_candidate: dict[str, Any], of_validation: dict[str, Any], reason: str
) -> None:
    problem = make_train_row(make_candidate(**of_candidate), make_validation(**of_validation))
    assert isinstance(problem, Exclusion)
    assert (problem.instance_id, problem.reason) == ("owner__name-7", reason)


def test_raw_rows_need_no_validation() -> None:
    good, bad = raw_row(make_candidate()), make_raw_row(make_candidate(patch=b"\xff"))
    assert list(good) == [column.name for column in columns.RAW_COLUMNS]
    assert isinstance(bad, Exclusion)
    assert bad.reason == "patch-not-utf8"
    assert raw_row(make_candidate(merge_commit="d" * 40))["merge_commit"] == "d" * 40


def test_records_of_different_instances_do_not_mix() -> None:
    with pytest.raises(ValueError, match="is not"):
        make_train_row(make_candidate(), make_validation(instance_id="owner__name-8"))


def test_column_names_are_unique() -> None:
    for split in (columns.TRAIN_COLUMNS, columns.RAW_COLUMNS):
        names = [column.name for column in split]
        assert len(set(names)) == len(names)
