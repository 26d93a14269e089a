"""The tests of changed data, found and run by a real pytest in the local sandbox."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from curate.builders.git.tree import GitTree
from curate.builders.model import BuiltInstance, RunSpec
from curate.builders.sandbox.local import run_locally
from curate.core.model import Rejection
from curate.environments.context import ValidationContext
from curate.environments.data_selection import select_data_tests
from curate.environments.plan import ValidationPlan
from curate.environments.pytest_ini import PytestFiles
from curate.environments.recipe_values import make_classifier
from curate.environments.test_selection import CONTEXT_CASES, TestSelection, select_tests
from curate.recipes import EnvRecipe, Recipe
from curate.store import Store
from curate.validate.data_tests import find_data_tests, run_data_tests
from curate.validate.runs import run_before_and_after
from curate.validate.verdict import compute_verdict
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import expect, fake, make_context
from tests.helpers.sandbox_behaviours import lay_project, patch

FindTests = Callable[..., tuple[ValidationPlan | Rejection, BuiltInstance, ValidationContext]]

UPPER = "def upper(text): return text{}\n"
GOLD = patch("thing.py", UPPER.format(""), UPPER.format(".upper()"))
CASES = {f"tests/cases/c{number:02}.txt": f"C{number}\n" for number in range(30)}


@pytest.fixture
def find_tests(tmp_path: Path) -> Iterator[FindTests]:
    """Finds the tests of a candidate that changes *after* from *before*, and `thing.py`."""
    with Store(tmp_path / "store") as store:

        def find(
            before: Mapping[str, str], after: Mapping[str, str], command: str = "pytest {tests}"
        ) -> tuple[ValidationPlan | Rejection, BuiltInstance, ValidationContext]:
            files = {"thing.py": UPPER.format(""), "conftest.py": "", **before}
            lay_project(tmp_path / "built" / "checkout", files)
            lay_project(tmp_path / "head", {**files, **after})
            (tmp_path / "built" / "venv").symlink_to(sys.prefix)
            built = BuiltInstance(
                name="t", backend="local", handle=str(tmp_path / "built"), environment_key="k"
            )
            changes = b"".join(patch(it, before.get(it, ""), after[it]) for it in after)
            recipe = Recipe(repo="owner/name", env=(EnvRecipe(test_command=command),))
            with GitTree(tmp_path / "head", "HEAD") as tree:
                pytest_files = PytestFiles(tree)
                selection = select_tests(
                    recipe, changes, before=tree.read, after=tree.read, pytest_files=pytest_files
                ) or select_data_tests(recipe, changes, tree, make_classifier(recipe), pytest_files)
            plan = ValidationPlan(
                candidate=make_candidate(patch=GOLD, test_patch=changes, head_commit="HEAD"),
                recipe=recipe,
                env=recipe.env[0],
                selection=expect(TestSelection, selection),
                variants=(),
            )

            def run_tests(built: BuiltInstance, spec: RunSpec) -> object:
                return run_locally(built, spec)

            ctx = make_context(store, fake(run_tests=run_tests), tmp_path / "head" / ".git")
            return find_data_tests(plan, built, ctx), built, ctx

        yield find


PARAMETRIZED = """\
import os, pytest, thing
FOLDER = "tests/cases"
@pytest.mark.parametrize("name", os.listdir(FOLDER))
def test_case(name):
    with open(os.path.join(FOLDER, name)) as stream:
        before, _, expected = stream.read().strip().partition(" ")
    assert thing.upper(before) == (expected or before)
"""


def test_a_changed_case_and_its_neighbours(find_tests: FindTests) -> None:
    before = {**CASES, "tests/test_cases.py": PARAMETRIZED, "tests/test_other.py": ""}
    found, built, ctx = find_tests(before, {"tests/cases/c15.txt": "a A\n"})
    plan = expect(ValidationPlan, found)
    one = "tests/test_cases.py::test_case[c{:02}.txt]"
    numbers = range(15 - CONTEXT_CASES, 16 + CONTEXT_CASES)
    assert plan.selection.files == tuple(map(one.format, numbers))
    runs = run_before_and_after(plan, built, ctx, count=2)
    sides = [[run for run in runs if run.side == side] for side in ("before", "after")]
    verdict = compute_verdict(*sides)
    assert verdict.fail_to_pass == (one.format(15),)
    assert len(verdict.pass_to_pass) == 2 * CONTEXT_CASES and not verdict.rejection


YAML_LIKE = """\
import pytest, thing
CASES = [line.split() for line in open("tests/all_cases.txt")]
@pytest.mark.parametrize("before, after", [it[1:] for it in CASES], ids=[it[0] for it in CASES])
def test_case(before, after): assert thing.upper(before) == after
def test_apart(): pass
"""


def test_cases_that_a_module_makes_of_one_file(find_tests: FindTests) -> None:
    lines = [f"case-{number:02} A{number} A{number}\n" for number in range(40)]
    changed = [*lines[:5], "case-05 a A\n", *lines[6:], "case-99 b B\n"]
    other = "import pytest\n@pytest.mark.parametrize('x', ['all_cases'])\ndef test_x(x): pass\n"
    files = {"tests/all_cases.txt": "".join(lines), "tests/test_all.py": YAML_LIKE}
    files["tests/test_same_word.py"] = other
    found, *_ = find_tests(files, {"tests/all_cases.txt": "".join(changed)})
    arguments = expect(ValidationPlan, found).selection.files
    assert {"tests/test_all.py::test_case[case-05]", "tests/test_all.py::test_case[case-99]"} < set(
        arguments
    )
    assert "tests/test_all.py::test_case[case-20]" not in arguments
    assert "tests/test_same_word.py::test_x[all_cases]" not in arguments


OPENED_IN_A_TEST = """\
import thing
def read(name): return open("tests/data/" + name).read().strip()
def test_first(): assert thing.upper("a") == read("one" + ".txt")
def test_second(): assert thing.upper("A") == "A"
"""


def test_modules_whose_tests_open_the_file(find_tests: FindTests) -> None:
    files = {
        "tests/data/one.txt": "a\n",
        "tests/test_open.py": OPENED_IN_A_TEST,
        "tests/test_mentions.py": "FOLDER = 'data'\ndef test_x(): assert 0\n",
        "tests/test_broken.py": "FOLDER = 'data'\nimport missing_one\n",
    }
    found, *_ = find_tests(files, {"tests/data/one.txt": "A\n"}, "pytest -n2 -x {tests}")
    assert expect(ValidationPlan, found).selection.files == ("tests/test_open.py",)


def test_a_file_that_its_readers_by_name_do_not_open(find_tests: FindTests) -> None:
    files = {"tests/data/one.txt": "a\n", "tests/test_x.py": "X = 'data'\ndef test_x(): pass\n"}
    rejection = expect(Rejection, find_tests(files, {"tests/data/one.txt": "A\n"})[0])
    assert (rejection.stage, rejection.reason) == ("validate", "no-test-reads-data")
    assert rejection.detail == "tests/data/one.txt; looked for in tests/test_x.py"


def test_what_is_not_collected_is_left_to_the_runs(find_tests: FindTests) -> None:
    broken = "X = 'one.txt'\nimport missing_one\n"
    files = {"tests/data/one.txt": "a\n", "tests/test_x.py": broken, "tests/test_y.py": broken}
    plan = expect(ValidationPlan, find_tests(files, {"tests/data/one.txt": "A\n"})[0])
    assert plan.selection.files == ("tests/test_x.py",)


COLLECTS = """\
import pytest, thing
class Text(pytest.File):
    def collect(self):
        yield Case.from_parent(self, name="case")
class Case(pytest.Item):
    def runtest(self):
        assert thing.upper("a") == self.path.read_text().strip()
def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".case":
        return Text.from_parent(parent, path=file_path)
"""


def test_files_that_are_tests_by_a_hook_of_the_project(find_tests: FindTests) -> None:
    files = {"tests/a.case": "a\n", "tests/b.case": "A\n", "tests/conftest.py": COLLECTS}
    found, built, ctx = find_tests(files, {"tests/a.case": "A\n"})
    plan = expect(ValidationPlan, found)
    assert plan.selection.files == ("tests/a.case::case",)
    after, before = run_before_and_after(plan, built, ctx, count=1)[::-1]
    outcomes = [dict(run.outcomes) for run in (before, after)]
    assert outcomes == [{"tests/a.case::case": "failed"}, {"tests/a.case::case": "passed"}]


def test_text_of_doctests_is_run(find_tests: FindTests) -> None:
    text = ">>> import thing\n>>> thing.upper('a')\n'{}'\n"
    command = "python -m pytest {tests}"  # which imports from the checkout
    files = {"tests/usage.rst": text.format("a")}
    found, built, ctx = find_tests(files, {"tests/usage.rst": text.format("A")}, command)
    plan = expect(ValidationPlan, found)
    after, before = run_before_and_after(plan, built, ctx, count=1)[::-1]
    assert list(before.outcomes.values()) == ["failed"]
    assert list(after.outcomes.values()) == ["passed"]


def test_data_beside_modules_that_fix_nothing(find_tests: FindTests) -> None:
    files = {
        "tests/data/one.txt": "a\n",
        "tests/test_open.py": OPENED_IN_A_TEST,
        "tests/test_changed.py": "def test_x(): pass\n",
    }
    after = {"tests/data/one.txt": "A\n", "tests/test_changed.py": "def test_y(): pass\n"}
    plan, built, ctx = find_tests(files, after)
    found, runs = expect(tuple, run_data_tests(expect(ValidationPlan, plan), built, ctx, count=1))
    assert found.selection.files == ("tests/test_changed.py", "tests/test_open.py")
    assert [run.outcomes["tests/test_open.py::test_first"] for run in runs] == ["failed", "passed"]


def test_data_beside_modules_that_suffice_is_let_be(find_tests: FindTests) -> None:
    files = {"tests/data/one.txt": "a\n", "tests/test_open.py": OPENED_IN_A_TEST}
    fixed = "import thing\ndef test_x(): assert thing.upper('a') == 'A'\n"
    after = {"tests/data/one.txt": "A\n", "tests/test_changed.py": fixed}
    plan, built, ctx = find_tests({**files, "tests/test_changed.py": ""}, after)
    found, _ = expect(tuple, run_data_tests(expect(ValidationPlan, plan), built, ctx, count=1))
    assert found.selection.files == ("tests/test_changed.py",)
