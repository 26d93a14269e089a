"""Rows of published sets in their forms: read, certified in our environments by their own lists."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curate.certification.published_rows import (
    InvalidRow,
    PublishedRow,
    is_published_set,
    read_published_rows,
)
from tests.doubles.hub import HubDouble
from tests.helpers.local_task import LocalTask, store_local_task
from tests.helpers.terminal import Curate, Typed, typed

ROOT = Path(__file__).parents[2]
ID, FIXED, KEPT = (
    "owner__name-7",
    "tests/test_birds.py::test_double",
    "tests/test_birds.py::test_name",
)


@pytest.fixture
def local(tmp_path: Path) -> LocalTask:
    return store_local_task(tmp_path)


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    def run(*arguments: str) -> Typed:
        return typed(arguments, tmp_path, {"PATH": os.environ["PATH"]})

    return run


def row_of(local: LocalTask, **changes: Any) -> dict[str, Any]:
    """SWE-Gym's eleven columns, without an image."""
    candidate = local.candidate
    return {
        "instance_id": ID,
        "hints_text": "",
        "patch": candidate.patch.decode(),
        "test_patch": candidate.test_patch.decode(),
        "created_at": "2022-03-04 05:06:07",
        "problem_statement": "It does not double.",
        "repo": candidate.repo,
        "base_commit": candidate.base_commit,
        "version": "1.0",
        "FAIL_TO_PASS": [FIXED],
        "PASS_TO_PASS": [KEPT],
    } | changes


def write(path: Path, *rows: object) -> str:
    path.write_text("\n".join(it if isinstance(it, str) else json.dumps(it) for it in rows))
    return str(path)


@pytest.mark.parametrize("form", [list, json.dumps, repr], ids=["list", "json", "python"])
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_lists_and_files_of_every_form_are_read(tmp_path: Path, form: Any, suffix: str) -> None:
    import pyarrow
    import pyarrow.parquet

    names = ["t.py::a[x y]", "t.py::b['q']"]
    row = {"instance_id": "a__b-1", "repo": "a/b", "base_commit": "c" * 40}
    row |= {"FAIL_TO_PASS": form(names), "PASS_TO_PASS": form([])}
    path = tmp_path / f"rows{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    else:
        path.write_text(json.dumps([row] if suffix == ".json" else row))
    assert is_published_set([path])
    (read,) = read_published_rows([path])
    assert isinstance(read, PublishedRow)
    assert (read.fail_to_pass, read.pass_to_pass) == (tuple(names), ())
    assert (read.patch, read.created_at, read.image) == ("", "", "")


GOOD = {"instance_id": "a__b-1", "repo": "a/b", "base_commit": "c", "PASS_TO_PASS": []}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("no json", "is not a JSON object"),
        ("[1]", "is not a JSON object"),
        (GOOD, "has no 'FAIL_TO_PASS'"),
        (GOOD | {"FAIL_TO_PASS": []}, "FAIL_TO_PASS is empty"),
        (GOOD | {"FAIL_TO_PASS": None}, "FAIL_TO_PASS is null"),
        (GOOD | {"FAIL_TO_PASS": "__import__('os')"}, "malformed node"),
        (GOOD | {"FAIL_TO_PASS": "[1, 2]"}, "is not a list of texts"),
        (GOOD | {"FAIL_TO_PASS": ["t::a"], "repo": "b"}, "repo is not OWNER/NAME"),
        (GOOD | {"FAIL_TO_PASS": ["t::a"], "base_commit": ""}, "base_commit is empty"),
        (GOOD | {"FAIL_TO_PASS": ["t::a"], "patch": "a\0b"}, "patch contains a NUL"),
        (GOOD | {"FAIL_TO_PASS": ["t::a"], "patch": 3}, "patch is not a text"),
        (GOOD | {"FAIL_TO_PASS": "(" * 5000}, ""),
    ],
)
def test_a_bad_row_is_told_and_the_others_are_read(
    tmp_path: Path, row: object, reason: str
) -> None:
    good = GOOD | {"instance_id": "a__b-2", "FAIL_TO_PASS": ["t::a"]}
    path = write(tmp_path / "rows.jsonl", row, good)
    bad, read = read_published_rows([Path(path)])
    assert isinstance(bad, InvalidRow) and reason in bad.reason
    assert bad.instance_id == ("a__b-1" if isinstance(row, dict) else "row 1")
    assert read.instance_id == "a__b-2"


def test_a_row_is_certified_by_its_own_lists(
    tmp_path: Path, local: LocalTask, curate: Curate
) -> None:
    """Also what lies beside it in the file: a row of no environment, rows that are none."""
    wrong = row_of(local, instance_id="other__name-1", FAIL_TO_PASS=json.dumps([FIXED, KEPT]))
    strange = row_of(local, instance_id="owner__name-9", FAIL_TO_PASS=["test_a (suite.Case)"])
    elsewhere = row_of(local, instance_id="no__where-3", repo="no/where", base_commit="e" * 40)
    rows = (row_of(local), row_of(local, patch=""), wrong, strange, elsewhere, "no json")
    done = curate(
        "certify", write(tmp_path / "set.jsonl", *rows), "--all", "--sandbox", "local", "--json"
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    found = {it["instance_id"]: it for it in report["certifications"]}
    assert found[ID]["result"] == "certified"
    assert found[ID]["detail"] == "in an environment of curate"
    assert found["other__name-1"]["result"] == "flaky"  # a FAIL_TO_PASS test passes without gold
    (drift,) = report["drift"]
    assert (drift["test"], drift["got"]) == (KEPT, "passed without the gold patch")
    assert "are not pytest's" in report["invalid"]["owner__name-9"]
    assert "No mirror of no/where" in report["invalid"]["no__where-3"]
    assert "not a JSON object" in report["invalid"]["row 6"]
    assert "occurs twice" in done.stderr
    status = json.loads(curate("status", "--json").stdout)
    assert status["repositories"]["owner/name"]["excluded"].get("certification-failed") is None
    again = json.loads(curate("certify", str(tmp_path / "set.jsonl"), ID, "--json").stdout)
    assert again["counts"]["known"] == 1


def test_rows_without_patches_take_those_of_the_same_instance(
    tmp_path: Path, local: LocalTask, curate: Curate
) -> None:
    row = row_of(local)
    short = {name: row[name] for name in ("instance_id", "repo", "base_commit")}
    lists = {"FAIL_TO_PASS": str([FIXED]), "PASS_TO_PASS": str([KEPT])}
    path = write(tmp_path / "set.jsonl", short | lists)
    done = curate("certify", path, "--all", "--sandbox", "local")
    assert done.returncode == 0, done.stderr


PUSH = """
import sys
from huggingface_hub import HfApi
api = HfApi()
for name in sys.argv[1:]:
    api.create_repo(f"lab/{name}", repo_type="dataset")
    api.upload_file(
        path_or_fileobj=f"{name}.parquet", path_in_repo="data/test-00000-of-00001.parquet",
        repo_id=f"lab/{name}", repo_type="dataset",
    )
"""


def published_sets(local: LocalTask) -> dict[str, list[dict[str, Any]]]:
    """Rows with the columns of sets on the Hub: one that can be certified, and others."""
    row = row_of(local)
    texts = {"FAIL_TO_PASS": json.dumps([FIXED]), "PASS_TO_PASS": json.dumps([KEPT])}
    verified = {**row, **texts, "environment_setup_commit": "e" * 40, "difficulty": "<15 min fix"}
    django = '["test_add (queries.tests.ModelTests)", "test_sub (queries.tests.ModelTests)"]'
    config = {"python": "3.9", "test_cmd": "pytest -rA", "log_parser": "parse_log_pytest"}
    rebench = {
        **row,
        "docker_image": "lab/none:latest",
        "install_config": config,
        "meta": {"is_lite": True, "num_modified_files": 1},
        "license_name": "MIT",
        "created_at": 1646370367000,
        "version": 1.5,
        "language": "python",
    }
    rust = {"language": "rust", "FAIL_TO_PASS": ["map::tests::test_a"]}
    return {
        "verified": [
            verified,
            {**verified, "instance_id": "django__django-1", "FAIL_TO_PASS": django},
            {**verified, "instance_id": "sympy__sympy-2", "FAIL_TO_PASS": '["test_a", "test_b"]'},
        ],
        "rebench": [
            rebench,
            {**rebench, "instance_id": "o__rust-3", **rust},
            {**rebench, "instance_id": "o__rust-4", **rust, "language": ""},
        ],
        "multi": [
            {
                "org": "owner",
                "repo": "name",
                "number": 7,
                "base": {"label": "owner:main", "sha": "e" * 40},
                "fix_patch": "diff",
                "test_patch": "diff",
                "f2p_tests": {"t": {"run": "NONE", "test": "FAIL", "fix": "PASS"}},
                "instance_id": "owner__name-7",
            }
        ],
    }


def test_sets_on_the_hub_are_certified_as_far_as_their_tests_are_pytests(
    tmp_path: Path, local: LocalTask
) -> None:
    import pyarrow
    import pyarrow.parquet

    sets = published_sets(local)
    for name, rows in sets.items():
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    with HubDouble() as hub:
        own = {**os.environ, **hub.environment(tmp_path / "home"), "PYTHONPATH": str(ROOT)}

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, *arguments]
            return subprocess.run(
                command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False
            )

        pushed = run("-c", PUSH, *sets)
        assert pushed.returncode == 0, pushed.stderr
        options = ("--split", "test", "--all", "--sandbox", "local", "--json")
        reports = {}
        for name in sets:
            done = run("-m", "curate", "certify", f"lab/{name}", *options)
            assert done.returncode in (1, 2), done.stderr
            reports[name] = json.loads(done.stdout)
    for name in ("verified", "rebench"):
        (found,) = reports[name]["certifications"]
        assert (found["instance_id"], found["result"]) == (ID, "certified")
    reasons = {**reports["verified"]["invalid"], **reports["rebench"]["invalid"]}
    multi = reports["multi"]["invalid"]
    told = {name: text.partition("cannot be certified: ")[2] for name, text in reasons.items()}
    unknown = "are not pytest's, so curate cannot tell their outcomes."
    assert told == {
        "django__django-1": (
            f"its tests, such as 'test_add (queries.tests.ModelTests)', {unknown}"
        ),
        "sympy__sympy-2": f"its tests, such as 'test_a', {unknown}",
        "o__rust-3": "its language is rust, and curate tells outcomes of Python's tests.",
        "o__rust-4": f"its tests, such as 'map::tests::test_a', {unknown}",
    }
    assert "in the form of Multi-SWE-bench" in multi[ID]
