"""The grader on a real sandbox: what a patch may change, and what is put back."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from curate.builders.backends.local import LocalBackend
from curate.builders.settings import BuildSettings
from curate.harness.grade import MAX_PATCH_BYTES, Grade, GradeReason, grade_patch
from tests.helpers.local_task import SOURCE, TESTS, LocalTask, make_local_task

FIXED = SOURCE.replace("number\n", "2 * number\n", 1)
SETUP = "[metadata]\nname = birds\n\n[options]\ninstall_requires = numpy\n\n"
Changes = Mapping[str, str | bytes | None]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalTask:
    return make_local_task(tmp_path_factory.mktemp("task"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalTask]:
    """For tests that change the instance."""
    yield make_local_task(tmp_path / "own")
    shutil.rmtree(tmp_path / "own")


def graded(local: LocalTask, patch: bytes, **changes: object) -> Grade:
    backend = LocalBackend(BuildSettings(cache_dir=Path(local.built.handle).parent))
    return grade_patch(replace(local.task, **changes), local.built, patch, backend)  # type: ignore[arg-type]


def test_gold_is_resolved_and_no_test_is_missing(local: LocalTask) -> None:
    grade = graded(local, local.candidate.patch)
    assert (grade.reason, grade.reward, grade.restored_paths) == (GradeReason.RESOLVED, 1.0, ())
    assert (grade.fail_to_pass.fraction, grade.pass_to_pass.fraction) == (1.0, 1.0)


def test_a_wrong_patch_gets_fractions_and_the_names(local: LocalTask) -> None:
    grade = graded(local, local.diff(**{"birds.py": SOURCE.replace("kestrel", "owl")}))
    assert (grade.reason, grade.reward) == (GradeReason.TESTS_FAILED, 0.0)
    assert (grade.fail_to_pass.fraction, grade.pass_to_pass.fraction) == (0.0, 0.0)
    assert [name.rpartition("::")[2] for name in grade.failed_tests] == ["test_double", "test_name"]


@pytest.mark.parametrize(
    "changes",
    [
        {"tests/test_birds.py": TESTS.replace("==", "!=")},
        {"tests/test_birds.py": None},
        {"tests/conftest.py": "raise SystemExit(1)\n"},
        {"conftest.py": "collect_ignore_glob = ['*']\n"},
        {"pytest.ini": "[pytest]\npython_functions = nothing\n"},
        {"tests/pytest.toml": '[pytest]\npython_functions = ["nothing"]\n'},
        {"sitecustomize.py": "raise SystemExit(1)\n"},
        {"pytest.py": "raise SystemExit(1)\n", "pluggy/__init__.py": ""},
        {"json.py": "raise SystemExit(1)\n"},
        {"setup.cfg": "[tool:pytest]\npython_functions = nothing\n"},
        {"setup.cfg": "[a]\nb = c\x0c[tool:pytest]\npython_functions = nothing\n"},
        {"setup.cfg": None},
        {"pyproject.toml": '[tool.pytest.ini_options]\npython_functions = "nothing"\n'},
        {"pyproject.toml": 'tool.pytest.ini_options.python_functions = "nothing"\n'},
        {"pyproject.toml": '[tool]\npytest = { ini_options = { python_functions = "x" } }\n'},
        {"tox.ini": "[pytest]\npython_functions = nothing\n"},
        {".github/workflows/ci.yml": "on: push\n"},
    ],
    ids=" ".join,
)
def test_a_fix_that_also_changes_what_decides_the_tests_is_graded_without_that(
    local: LocalTask, changes: Changes
) -> None:
    grade = graded(local, local.diff(**{"birds.py": FIXED, **changes}))
    assert grade.reason is GradeReason.RESOLVED, (grade.detail, grade.output.decode())
    assert set(grade.restored_paths) == set(changes)
    without = graded(local, local.diff(**changes))
    assert (without.reason, without.pass_to_pass.fraction) == (GradeReason.TESTS_FAILED, 1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"wings.py": "FOUR = 4\n", "birds.py": "from wings import FOUR\n" + FIXED},
        {"setup.cfg": SETUP + "[tool:pytest]\naddopts = --strict-markers\n"},
        {"pyproject.toml": '[project]\nname = "birds"\ndependencies = ["numpy"]\n'},
        {"picture.bin": bytes(range(256)) * 8},
        {"windows.py": b"ONE = 1\r\nTWO = 2\r\n"},
        {"name with \u00fc and blank.txt": "x"},
        {"docs/index.md": "no newline at end"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_honest_fix_with_odd_files_keeps_them(local: LocalTask, changes: Changes) -> None:
    grade = graded(local, local.diff(**{"birds.py": FIXED, **changes}))
    assert (grade.reason, grade.restored_paths) == (GradeReason.RESOLVED, ())


def test_a_directory_of_tests_that_becomes_a_link_is_put_back(own: LocalTask) -> None:
    evil = own.checkout / "other"
    shutil.copytree(own.checkout / "tests", evil)
    (evil / "test_birds.py").write_text("def test_double(): pass\ndef test_name(): pass\n")
    shutil.rmtree(own.checkout / "tests")
    (own.checkout / "tests").symlink_to("other")
    patch = own.diff()
    grade = graded(own, patch)
    assert (grade.reason, grade.fail_to_pass.passed) == (GradeReason.TESTS_FAILED, 0)
    assert "tests/test_birds.py" in grade.restored_paths


def test_settings_that_gold_changes_count_for_every_patch(local: LocalTask) -> None:
    settings = local.diff(**{"setup.cfg": "[tool:pytest]\npython_functions = nothing\n"})
    grade = graded(local, local.candidate.patch, gold=local.candidate.patch + settings)
    assert (grade.reason, grade.fail_to_pass.passed) == (GradeReason.TESTS_FAILED, 0)
    both = local.candidate.patch + settings
    assert graded(local, both, gold=both).restored_paths == ()


def test_a_test_like_file_that_gold_changes_is_source(local: LocalTask) -> None:
    patch = local.diff(**{"birds.py": FIXED, "testing/tools.py": "ONE = 1\n"})
    assert graded(local, patch, gold=patch).restored_paths == ()
    assert graded(local, patch).restored_paths == ("testing/tools.py",)


def test_globs_of_the_recipe_protect_and_except(local: LocalTask) -> None:
    patch = local.diff(**{"birds.py": FIXED, "testing/tools.py": "1\n", "run.py": "1\n"})
    globs = (*local.task.protected_paths, "!testing/", "run.py")
    grade = graded(local, patch, protected_paths=globs)
    assert (grade.reason, grade.restored_paths) == (GradeReason.RESOLVED, ("run.py",))


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (b"", GradeReason.EMPTY),
        (b" \n\t\n", GradeReason.EMPTY),
        (b"x" * (MAX_PATCH_BYTES + 1), GradeReason.TOO_LARGE),
        (b"not a patch\n", GradeReason.DOES_NOT_APPLY),
        (b"\0\0\0\0", GradeReason.DOES_NOT_APPLY),
        (b"--- a/../../x\n+++ b/../../x\n@@ -0,0 +1 @@\n+1\n", GradeReason.DOES_NOT_APPLY),
        (b"--- /dev/null\n+++ b//etc/x\n@@ -0,0 +1 @@\n+1\n", GradeReason.DOES_NOT_APPLY),
        (b"--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+1\n", GradeReason.DOES_NOT_APPLY),
        (b"--- a/none.py\n+++ b/none.py\n@@ -1 +1 @@\n-1\n+2\n", GradeReason.DOES_NOT_APPLY),
    ],
    ids=range(9),
)
def test_what_is_no_patch_has_a_reason(local: LocalTask, patch: bytes, reason: GradeReason) -> None:
    grade = graded(local, patch)
    assert (grade.reason, grade.fail_to_pass.passed, grade.reward) == (reason, 0, 0.0)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda patch: patch.rstrip(b"\n"), ""),
        (lambda patch: patch.replace(b"@@ -1,5 +1,5 @@", b"@@ -1,9 +1,9 @@"), "--recount"),
        (lambda patch: patch.replace(b" def name():", b" def nam():"), "-C1"),
    ],
    ids=["no newline", "wrong counts", "other context"],
)
def test_a_patch_that_a_model_wrote_by_hand_applies(
    local: LocalTask, change: object, options: str
) -> None:
    assert b"@@ -1,5 +1,5 @@" in local.candidate.patch
    grade = graded(local, change(local.candidate.patch))  # type: ignore[operator]
    assert (grade.reason, grade.applied_with) == (GradeReason.RESOLVED, options)
