"""`curate recipe`, typed: check, explain and draft."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.git.tree import GitTree
from curate.builders.lock.resolve import compute_lock_key
from curate.builders.model import RequirementsLock
from curate.builders.requirements import Manifest, read_manifest
from curate.core.model import Candidate, CrawlState, Rejection
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.environments.shared_cutoff import start_of_period
from curate.recipes import Recipe, load_recipe
from curate.recipes.loader import BUILT_IN_DIR
from curate.recipes.schema import RequirementSources
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash
from curate.validate.pool import ValidationSummary, ValidationTask
from curate.validate.run import RunControl
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import expect
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, Typed, typed

REPO = "owner/name"
PROJECT = '[project]\nname = "thing"\nversion = "1"\nrequires-python = ">=3.8"\n'
PROJECT += 'dependencies = ["needed"]\n[project.optional-dependencies]\ntests = ["pytest", "six"]\n'
TOX = "[testenv]\nextras = tests\ncommands = pytest {posargs}\n"
WORKFLOW = """
jobs:
  tests:
    steps:
      - run: sudo apt-get install -y graphviz
      - run: pip install tox && tox
"""


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    def run(*arguments: str, **variables: str) -> Typed:
        return typed(arguments, tmp_path, {"COLUMNS": "200", **variables})

    return run


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    """A project with tests of its own, tagged 1.0 and 3.0, mirrored where curate looks."""
    git = GitHistory.new(tmp_path / "work")
    git.change({"pyproject.toml": PROJECT, "src/thing/__init__.py": "", "tox.ini": TOX})
    git.git("tag", "v1.0")
    git.change({".github/workflows/ci.yml": WORKFLOW, "tests/test_a.py": "old\n"})
    git.git("tag", "v3.0")
    git.mirror(tmp_path / "data/mirrors/owner__name.git")
    return git


def write(tmp_path: Path, text: str, name: str = "owner__name.toml") -> str:
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f'repo = "{REPO}"\n{text}')
    return "mine/" + name


def test_every_recipe_is_checked_where_none_is_named(curate: Curate, tmp_path: Path) -> None:
    write(tmp_path, "")
    done = curate("--recipes-dir", "mine", "recipe", "check")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(list(BUILT_IN_DIR.glob("*__*.toml")))
    assert f"ok     {REPO}" in done.stdout


def test_gaps_and_overlaps_are_named_with_the_versions_of_the_mirror(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    for text, told in (
        ('[[env]]\nversions = "<3"\n', "gap at 3.0 (no range)"),
        ('[[env]]\nversions = "<3"\n[[env]]\nversions = ">=1"\n', "overlap at 1.0 … 2.9999 (2"),
        ('[[env]]\nversions = "<2"\n[[env]]\nversions = ">=2.5"\n', "gap at 2.0 … 2.4 (no"),
    ):
        done = curate("recipe", "check", write(tmp_path, text))
        assert done.returncode == 1
        assert told in done.stdout
    good = curate("recipe", "check", write(tmp_path, '[[env]]\nversions = ">=1"\n'))
    assert good.returncode == 0
    assert "1 range for 2 versions, 1.0 … 3.0" in good.stdout


def test_what_no_commit_has_is_noted_of_named_recipes(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    named = 'requirements = { files = ["tox.ini", "dve.txt"], extras = ["tests", "tets"] }\n'
    done = curate("recipe", "check", write(tmp_path, f"[defaults]\n{named}"))
    assert done.returncode == 0
    notes = [line.split("note: ")[1] for line in done.stdout.splitlines() if "note: " in line]
    assert notes == [
        f"{name} does not exist at any of 2 commits" for name in ("file dve.txt", "extra tets")
    ]


def test_versions_that_a_file_states_are_checked_too(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    rule = """version = { rule = "file", file = "v.py", pattern = 'v = (\\d+\\.\\d+)' }\n"""
    history.change({"v.py": "v = 0.5"})
    history.change({"v.py": "v = 7.1"})
    history.git(
        "push", "--quiet", "--mirror", str(history.path.parent / "data/mirrors/owner__name.git")
    )
    done = curate("recipe", "check", write(tmp_path, rule + '[[env]]\nversions = ">=1"\n'))
    assert "gap at 0.5 (no range)" in done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[env]]\ntest_comand = "x"\n', "Perhaps you meant 'test_command'?"),
        ('[[env]]\npython = "3.99"\n', "Python 3.99 does not exist"),
        ('[[env]]\ntest_command = "pytest {files}"\n', "{files} is not a placeholder"),
        ('[[env]]\ninstall = ["cd x && {editable}"]\n', "must be a command of its own"),
        ('[[env]]\nrequirements = { add = ["./x"] }\n', "not from an index"),
        ('version = { rule = "file" }\n', "needs the key `file`"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    curate: Curate, tmp_path: Path, text: str, told: str
) -> None:
    done = curate("recipe", "check", write(tmp_path, text))
    assert done.returncode == 1
    assert told in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_recipe_under_another_name_and_one_that_is_not_there(
    curate: Curate, tmp_path: Path
) -> None:
    done = curate("recipe", "check", "--json", write(tmp_path, "", "other__name.toml"))
    assert "must be named owner__name.toml" in json.loads(done.stdout)[0]["problems"][0]
    gone = curate("recipe", "check", "no/such")
    assert gone.returncode == 4
    assert "curate recipe draft no/such" in gone.stderr


def stored(tmp_path: Path, git: GitHistory) -> Candidate:
    """A candidate whose gold patch needs nothing that the base does not."""
    base = git.head()
    head = git.change({"tests/test_a.py": "new\n", "src/thing/__init__.py": "fixed\n"})
    git.git("push", "--quiet", str(tmp_path / "data/mirrors/owner__name.git"), "HEAD:refs/heads/x")
    patch = b"diff --git a/tests/test_a.py b/tests/test_a.py\n--- a/tests/test_a.py\n"
    patch += b"+++ b/tests/test_a.py\n@@ -1 +1 @@\n-old\n+new\n"
    opened = datetime(2021, 5, 1, tzinfo=UTC)
    facts: dict[str, Any] = {
        "base_commit": base,
        "head_commit": head,
        "created_at": opened,
        "version": "3.0",
    }
    one = replace(make_candidate(1), repo=REPO, test_patch=patch, **facts)
    with Store(tmp_path / "data") as store:
        store.save_page(REPO, [make_pull(1, repo=REPO)], CrawlState())
        store.save_candidate(one)
    return one


def test_a_plan_is_explained_before_there_is_a_lock(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    one = stored(tmp_path, history)
    (tmp_path / "pythons/3.8.1/bin").mkdir(parents=True)
    (tmp_path / "pythons/3.8.1/bin/python3.8").touch()
    write(
        tmp_path,
        '[defaults]\nsystem_packages = ["graphviz"]\nenv_vars = { A = "b" }\n'
        'requirements = { files = ["none.txt"], extras = ["tests"], exclude = ["six"] }\n'
        '[[env]]\nversions = ">=3"\n',
    )
    flags = ("--recipes-dir", "mine", "recipe", "explain", one.instance_id)
    shown = curate(*flags, CURATE_PYTHON_INSTALL_DIR="pythons")
    assert shown.returncode == 0, shown.stderr
    for words in (
        "3.0, from the nearest tag",
        "mine/owner__name.toml",
        ">=3",
        "pytest tests/test_a.py",
        "3.8: newest stable Python at 2021-05-01 (from requires-python >=3.8)",
        "2021-03-11 00:00 UTC, 51 days before 2021-05-01",
        "pyproject.toml: needed",
        "pyproject.toml extras: pytest",
        "file none.txt",
        "dropped six: excluded by the recipe",
        "graphviz",
        "A='b'",
        "-e .",
        "none yet",
        "not validated yet",
    ):
        assert words in shown.stdout, words
    document = json.loads(curate(*flags, "--json", CURATE_PYTHON_INSTALL_DIR="pythons").stdout)
    assert document["plan"]["variants"][0]["locked"] is None
    assert document["plan"]["variants"][0]["names"] == {}
    assert document["validation"] is None


def test_a_stored_lock_gives_names_and_repairs(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    one = stored(tmp_path, history)
    (tmp_path / "pythons/3.8.1/bin").mkdir(parents=True)
    (tmp_path / "pythons/3.8.1/bin/python3.8").touch()
    with GitTree(tmp_path / "data/mirrors/owner__name.git", one.base_commit) as tree:
        manifest = read_manifest(tree, RequirementSources())
        assert isinstance(manifest, Manifest)
    text, cutoff = "needed==1\npytest==2\n", start_of_period(one.created_at)
    lock = RequirementsLock(
        text=text, python="3.8", exclude_newer=cutoff, adjustments=("unpinned x: gone",)
    )
    with Store(tmp_path / "data") as store:
        store.save_lock(compute_lock_key(manifest, "3.8", cutoff), lock)
    write(tmp_path, "")
    flags = ("--recipes-dir", "mine", "recipe", "explain", one.instance_id, "--json")
    document = json.loads(curate(*flags, CURATE_PYTHON_INSTALL_DIR="pythons").stdout)
    ground = document["plan"]["variants"][0]
    assert ground["locked"] == ["needed==1", "pytest==2"]
    assert ground["lock_adjustments"] == ["unpinned x: gone"]
    assert (ground["cutoff"][:10], ground["date"][:10]) == ("2021-03-11", "2021-05-01")
    assert list(ground["names"]) == ["base", "python", "environment", "checkout", "instance"]
    assert document["recipe"] == "mine/owner__name.toml"


def test_a_plan_says_which_data_its_tests_read(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    one = stored(tmp_path, history)
    (tmp_path / "pythons/3.8.1/bin").mkdir(parents=True)
    (tmp_path / "pythons/3.8.1/bin/python3.8").touch()
    data = "tests/data/case.txt"
    head = history.change({data: "new\n", "tests/test_reads.py": f"open('{data}')\n"})
    mirror = str(tmp_path / "data/mirrors/owner__name.git")
    history.git("push", "--quiet", mirror, "HEAD:refs/heads/x")
    changed = one.test_patch.replace(b"tests/test_a.py", data.encode())
    with Store(tmp_path / "data") as store:
        store.save_candidate(replace(one, test_patch=changed, head_commit=head))
    flags = ("recipe", "explain", one.instance_id)
    shown = curate(*flags, CURATE_PYTHON_INSTALL_DIR="pythons").stdout
    assert "pytest tests/test_reads.py" in shown
    assert f"runs the tests of these modules that read {data}" in shown
    plan = json.loads(curate(*flags, "--json", CURATE_PYTHON_INSTALL_DIR="pythons").stdout)["plan"]
    assert plan["data_files"] == [data]


def test_a_candidate_without_a_plan_is_told_why(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    one = stored(tmp_path, history)
    write(tmp_path, '[[env]]\nskip = "needs a GPU"\n')
    done = curate("--recipes-dir", "mine", "recipe", "explain", one.instance_id)
    assert "recipe/skipped needs a GPU" in done.stdout
    assert curate("recipe", "explain", "a__b-1").returncode == 4


def test_a_draft_says_what_ci_does_and_is_a_recipe(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    done = curate("recipe", "draft", REPO, "--output", "r/owner__name.toml")
    assert done.returncode == 0, done.stderr
    recipe = load_recipe(tmp_path / "r/owner__name.toml")
    (env,) = recipe.env
    assert recipe.import_name == "thing"
    assert env.requirements.extras == ("tests",)
    assert env.system_packages == ("graphviz",)
    text = (tmp_path / "r/owner__name.toml").read_text()
    assert "# tests: tox.ini, 2020" in text
    assert "# graphviz: .github/workflows/ci.yml, 2020" in text
    assert "python 3.8" in done.stderr
    assert "Not tried: no candidates of owner/name are stored." in done.stderr
    assert "curate recipe check r/owner__name.toml" in done.stderr


def test_a_draft_overwrites_nothing_unasked(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    file = write(tmp_path, "# mine\n")
    done = curate("recipe", "draft", REPO, "--output", file)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert "# mine" in (tmp_path / file).read_text()
    kept = curate("recipe", "draft", REPO, "--output", file, "--sample", "1")
    assert "is kept" in kept.stderr
    assert "# mine" in (tmp_path / file).read_text()
    assert curate("recipe", "draft", REPO, "--output", file, "--force").returncode == 0
    assert "# mine" not in (tmp_path / file).read_text()


def test_a_draft_can_be_printed(curate: Curate, history: GitHistory) -> None:
    done = curate("recipe", "draft", REPO, "--output", "-")
    assert done.stdout.startswith("# Drafted from 2 commits")


def test_a_draft_needs_a_mirror_and_no_candidates(curate: Curate, history: GitHistory) -> None:
    assert curate("recipe", "draft", "no/mirror").returncode == 4
    done = curate("recipe", "draft", REPO, "--sample", "3")
    assert done.returncode == 0, done.stderr
    assert "Not tried: no candidates of owner/name are stored." in done.stderr
    assert "curate crawl owner/name" in done.stderr
    silent = curate("recipe", "draft", REPO, "--sample", "0", "--force")
    assert "Not tried" not in silent.stderr


def test_a_draft_is_written_where_it_is_used(
    curate: Curate, tmp_path: Path, history: GitHistory
) -> None:
    (tmp_path / "mine").mkdir()
    for flags, folder in (((), "data/recipes"), (("--recipes-dir", "mine"), "mine")):
        done = curate(*flags, "recipe", "draft", REPO)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / folder / "owner__name.toml").is_file()
        assert curate(*flags, "recipe", "check", REPO).stdout.startswith("ok ")
    kept = curate("recipe", "draft", REPO)
    assert kept.returncode == 2
    assert "data/recipes/owner__name.toml exists already" in kept.stderr


def test_a_draft_that_a_built_in_recipe_hides_is_no_silent_one(
    curate: Curate, history: GitHistory
) -> None:
    mirror = str(history.path.parent / "data/mirrors/owner__name.git")
    done = curate("recipe", "draft", "getmoto/moto", "--mirror", mirror, "--sample", "0")
    assert "getmoto/moto has a recipe already: " in done.stderr
    assert "--recipes-dir" in done.stderr


def test_a_sample_is_tried_with_the_draft_apart_from_what_counts(
    curate: Curate, tmp_path: Path, history: GitHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, history)
    tried = []

    def run(
        tasks: Sequence[ValidationTask],
        options: ValidationOptions,
        store: Store,
        settings: Settings,
        control: RunControl,
    ) -> ValidationSummary:
        tried.append([task.candidate.instance_id for task in tasks])
        for task in tasks:
            inputs = compute_inputs_hash(task.candidate, expect(Recipe, task.recipe), options)
            why = Rejection(stage="lock", reason="unsatisfiable", detail="no such thing")
            store.save_validation(REPO, replace(make_validation(1, why), inputs_hash=inputs))
        return ValidationSummary()

    monkeypatch.setattr("curate.workflows.trial.run_validation", run)
    flags = ("recipe", "draft", REPO, "--output", "-", "--sample", "5")
    for more in ((), (), ("--retry-rejected",)):
        done = curate(*flags, *more)
        assert done.returncode == 0, done.stderr
        assert "0 of 1 verified" in done.stderr
        assert "owner__name-1  lock/unsatisfiable\n      no such thing\n" in done.stderr
    assert tried == [["owner__name-1"], [], ["owner__name-1"]]
    assert "not validated yet" in curate("show", "owner__name-1").stdout
    assert "no such thing" in curate("--data-dir", "data/drafts", "show", "owner__name-1").stdout
