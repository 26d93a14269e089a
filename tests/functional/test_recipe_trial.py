"""`curate recipe trial` and trials of drafts, from the command to the table."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import CrawlState, Rejection
from curate.core.settings import Settings
from curate.environments.context import ValidationOptions
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import compute_inputs_hash
from curate.validate.pool import ValidationSummary, ValidationTask
from curate.validate.run import RunControl
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.fakes import expect
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, typed

REPO = "owner/name"
PROJECT = '[project]\nname = "thing"\nversion = "1"\n'
WORKFLOW = """
jobs:
  tests:
    steps:
      - run: sudo apt-get install -y graphviz libold
      - run: pip install tox && tox
"""
TOX = "[testenv]\ncommands = pytest {posargs}\n"
FILE = "diff --git a/tests/test_{0}.py b/tests/test_{0}.py\n"
REMOVED = FILE + "deleted file mode 100644\n--- a/tests/test_{0}.py\n+++ /dev/null\n"
REMOVED += "@@ -1 +0,0 @@\n-old\n"
LOCAL = ("--sandbox", "local")


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    (tmp_path / "pythons/3.8.1/bin").mkdir(parents=True)
    (tmp_path / "pythons/3.8.1/bin/python3.8").touch()

    def run(*arguments: str, columns: str = "80") -> Any:
        variables = {"CURATE_PYTHON_INSTALL_DIR": "pythons", "COLUMNS": columns}
        return typed(arguments, tmp_path, variables)

    return run


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    """Six stored candidates, one a year, oldest first, that only remove a test."""
    git = GitHistory.new(tmp_path / "work")
    files = {"pyproject.toml": PROJECT, "tox.ini": TOX, ".github/workflows/ci.yml": WORKFLOW}
    base = git.change({**files, "src/thing/__init__.py": "", "tests/test_a.py": "old\n"})
    head = git.change({"tests/test_a.py": None})
    git.mirror(tmp_path / "data/mirrors/owner__name.git")
    names = []
    with Store(tmp_path / "data") as store:
        for number in range(1, 7):
            store.save_page(REPO, [make_pull(number, repo=REPO)], CrawlState())
            one = make_candidate(
                number,
                base_commit=base,
                head_commit=head,
                test_patch=REMOVED.format("a").encode(),
                created_at=datetime(2016 + number, 5, 1, tzinfo=UTC),
            )
            store.save_candidate(one)
            names.append(one.instance_id)
    return names


def test_a_trial_draws_validates_and_counts(curate: Curate, ids: list[str], tmp_path: Path) -> None:
    (tmp_path / "data/recipes").mkdir()
    (tmp_path / "data/recipes/owner__name.toml").write_text(f'repo = "{REPO}"\n[[env]]\nskip="x"')
    flags = ("recipe", "trial", REPO, "--per-repo", "3", *LOCAL)
    done = curate(*flags)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith(REPO))
    assert row.split()[:4] == [REPO, "0", "3", "0"]
    assert "  plan/tests-only-removed\n      its tests are only removed\n" in done.stdout
    document = json.loads(curate(*flags, "--json").stdout)
    found = document["repositories"][REPO]
    drawn = [it["instance_id"] for it in found["results"]]
    assert [ids.index(name) // 2 for name in drawn] == [0, 1, 2]
    assert {it["judgment"] for it in found["results"]} == {"rightly rejected"}
    assert "# This is a draft" in found["recipe"]
    assert (found["rightly_rejected"], found["yield"]) == (3, None)
    recipe = json.loads(curate(*flags, "--json", "--recipe").stdout)["repositories"][REPO]
    assert recipe["recipe"] == "data/recipes/owner__name.toml"
    assert {it["result"] for it in recipe["results"]} == {"recipe/skipped"}
    assert "not validated yet" in curate("show", drawn[0]).stdout


def test_what_was_finished_is_not_repeated(curate: Curate, ids: list[str]) -> None:
    flags = ("recipe", "trial", REPO, "--per-repo", "6", *LOCAL)
    stopped = curate(*flags, "--max-time", "0s", "--json")
    assert stopped.returncode == 1
    assert "6 candidates remaining" in stopped.stderr
    results = json.loads(stopped.stdout)["repositories"][REPO]["results"]
    assert {it["judgment"] for it in results} == {"not tried"}
    assert curate("recipe", "trial", REPO, "--ids", ",".join(ids[:2]), *LOCAL).returncode == 0
    rest = curate(*flags)
    assert [name for name in ids if f"REJECTED {name}" in rest.stderr] == ids[2:]
    assert "REJECTED" not in curate(*flags).stderr


def test_a_repository_that_cannot_be_tried_leaves_the_others(
    curate: Curate, ids: list[str], tmp_path: Path
) -> None:
    with Store(tmp_path / "data") as store:
        store.save_page("no/mirror", [make_pull(1, repo="no/mirror")], CrawlState())
        store.save_candidate(make_candidate(1, instance_id="no__mirror-1", repo="no/mirror"))
    repos = ("no/candidates", "no/mirror", REPO)
    done = curate("recipe", "trial", *repos, "--per-repo", "1", *LOCAL)
    assert done.returncode == 4
    assert "Not tried: no/candidates: no candidates are stored" in done.stdout
    assert "Not tried: no/mirror: No mirror of no/mirror" in done.stdout
    assert "2 of 3 repositories could not be tried" in done.stderr
    assert "curate crawl no/candidates" in done.stderr
    assert "plan/tests-only-removed" in done.stdout
    for arguments in ((), ("--ids", "a__b-1"), (REPO, "--judgments", "none.toml"), ("no-name",)):
        refused = curate("recipe", "trial", *arguments, *LOCAL)
        assert refused.returncode in (2, 4)
        assert "Traceback" not in refused.stderr


def fake_validation(
    verdicts: dict[str, str], tried: list[tuple[str, ...]], unknown: str = "libold"
) -> Any:
    """Return a stand-in for `run_validation`: reason by id; with *unknown* no build succeeds."""

    def run(
        tasks: Sequence[ValidationTask],
        options: ValidationOptions,
        store: Store,
        settings: Settings,
        control: RunControl,
    ) -> ValidationSummary:
        for task in tasks:
            one, recipe = task.candidate, expect(Recipe, task.recipe)
            packages = recipe.env[0].system_packages
            tried.append((one.instance_id, *packages))
            reason, logs = verdicts.get(one.instance_id, ""), ("",)
            if unknown in packages:
                reason = "environment-failed"
                logs = (store.blobs.put(b"E: Unable to locate package libold\n"),)
            why = Rejection(stage="build", reason=reason, detail="x" * 200) if reason else None
            made = replace(
                make_validation(one.pull_number, why),
                inputs_hash=compute_inputs_hash(one, recipe, options),
                runs=(),
                attempt_logs=logs,
            )
            store.save_validation(one.repo, made)
        return ValidationSummary()

    return run


def test_a_draft_is_revised_where_its_trial_shows_how(
    curate: Curate, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[str, ...]] = []
    run = fake_validation({ids[0]: "timeout"}, tried)
    monkeypatch.setattr("curate.workflows.trial.run_validation", run)
    done = curate("recipe", "draft", REPO, "--sample", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert "1 of 2 verified, 0 before the draft was revised: Left out, as Debian 12" in done.stderr
    document = json.loads(done.stdout)
    assert document["sample"] == {ids[0]: "build/timeout", ids[5]: "verified"}
    assert {*document["sample_before_revision"].values()} == {"build/environment-failed"}
    text = (tmp_path / "data/recipes/owner__name.toml").read_text()
    assert document["text"] == text
    assert 'system_packages = ["graphviz"]' in text
    assert "no package of this name: libold" in text
    tried.clear()
    kept = curate("recipe", "draft", REPO)
    assert "2 of 4" not in kept.stderr
    assert "3 of 4 verified" in kept.stderr
    assert {one[1:] for one in tried} == {("graphviz",)}


def test_a_file_of_the_user_is_tried_but_not_revised(
    curate: Curate, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.workflows.trial.run_validation", fake_validation({}, []))
    text = f'repo = "{REPO}"\n[defaults]\nsystem_packages = ["libold"]\n'
    (tmp_path / "mine.toml").write_text(text)
    done = curate("recipe", "draft", REPO, "--output", "mine.toml", "--sample", "1")
    assert "0 of 1 verified\n" in done.stderr
    assert (tmp_path / "mine.toml").read_text() == text


def test_yield_and_cost_are_printed_in_80_columns(
    curate: Curate, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = {ids[0]: "timeout", ids[1]: "timeout", ids[2]: "failed"}
    monkeypatch.setattr("curate.workflows.trial.run_validation", fake_validation(verdicts, [], ""))
    (tmp_path / "judged.toml").write_text(f'{ids[0]} = "its tests last for hours"\n')
    done = curate("recipe", "trial", REPO, "--judgments", "judged.toml")
    assert done.returncode == 0, done.stderr
    head, _, rest = done.stdout.partition("\nWrongly rejected")
    assert max(map(len, head.splitlines()[:4])) <= 80
    row = next(line for line in head.splitlines() if line.startswith(REPO))
    assert row.split()[1:6] == ["3", "1", "2", "60", "%"]
    wrong, _, right = rest.partition("\nRightly rejected")
    assert f"  {ids[1]}  build/timeout\n      {'x' * 200}\n" in wrong  # whole, as it is piped
    assert "its tests last for hours" in right


def test_a_draft_is_not_tried_without_an_engine_unless_asked(
    tmp_path: Path, curate: Curate, ids: list[str]
) -> None:
    variables = {"CURATE_PYTHON_INSTALL_DIR": "pythons", "DOCKER_HOST": f"unix://{tmp_path}/none"}
    done = typed(("recipe", "draft", REPO), tmp_path, variables)
    assert done.returncode == 0, done.stderr
    assert "Not tried: " in done.stderr and "--sandbox local" in done.stderr
    asked = typed(("recipe", "draft", REPO, "--force", "--sample", "1"), tmp_path, variables)
    assert asked.returncode == 3
    assert (tmp_path / "data/recipes/owner__name.toml").is_file()
