"""A repository without a recipe gets a draft, once, which all commands use from then on."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curate.core.model import CrawlState
from curate.core.settings import Settings
from curate.crawl.run import CrawlSummary
from curate.environments.context import ValidationOptions
from curate.recipes import RecipeLibrary, load_recipe
from curate.store import Store
from curate.workflows.rebuild import Rebuild, RebuildOptions
from tests.helpers.factories import make_candidate, make_pull
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, typed

REPOS = ("one/first", "two/second")
PROJECT = '[project]\nname = "thing"\nversion = "1"\n[project.optional-dependencies]\n'
PROJECT += 'tests = ["pytest", "six"]\n'
TOX = "[testenv]\nextras = tests\ncommands = pytest {posargs}\n"
REMOVED = b"diff --git a/tests/test_a.py b/tests/test_a.py\ndeleted file mode 100644\n"
REMOVED += b"--- a/tests/test_a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n"
VALIDATE = ("validate", "--sandbox", "local")


@pytest.fixture
def curate(tmp_path: Path) -> Curate:
    (tmp_path / "pythons/3.8.1/bin").mkdir(parents=True)
    (tmp_path / "pythons/3.8.1/bin/python3.8").touch()
    return lambda *arguments: typed(arguments, tmp_path, {"CURATE_PYTHON_INSTALL_DIR": "pythons"})


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    """Where drafts are saved; two repositories with a mirror and a candidate are stored.

    The candidates remove their tests, so that they are rejected before anything is built.
    """
    git = GitHistory.new(tmp_path / "work")
    files = {"pyproject.toml": PROJECT, "tox.ini": TOX, "src/thing/__init__.py": ""}
    base = git.change({**files, "tests/test_a.py": "old\n"})
    head = git.change({"tests/test_a.py": None})
    with Store(tmp_path / "data") as store:
        for repo in REPOS:
            name = repo.replace("/", "__")
            git.mirror(tmp_path / f"data/mirrors/{name}.git")
            store.save_page(repo, [make_pull(1, repo=repo)], CrawlState())
            store.save_candidate(
                make_candidate(
                    1,
                    instance_id=f"{name}-1",
                    repo=repo,
                    base_commit=base,
                    head_commit=head,
                    test_patch=REMOVED,
                    created_at=datetime(2021, 5, 1, tzinfo=UTC),
                )
            )
    return tmp_path / "data/recipes"


def test_validate_drafts_each_once_as_draft_does(curate: Curate, drafts: Path) -> None:
    done = curate(*VALIDATE)
    assert done.returncode == 0, done.stderr
    for repo in REPOS:
        file = drafts / f"{repo.replace('/', '__')}.toml"
        assert f"{repo} has no recipe: drafted data/recipes/{file.name} from" in done.stderr
        assert file.read_text() == curate("recipe", "draft", repo, "--output", "-").stdout
        assert "# This is a draft by curate" in file.read_text()
        (env,) = load_recipe(file).env
        assert env.requirements.extras == ("tests",)
    again = curate(*VALIDATE)
    assert "has no recipe" not in again.stderr
    assert "0 attempted: 0 verified, 0 rejected; 2 up to date" in again.stderr


def test_only_what_is_validated_is_drafted(curate: Curate, drafts: Path) -> None:
    assert curate(*VALIDATE, "one__first-1").returncode == 0
    assert [it.name for it in drafts.iterdir()] == ["one__first.toml"]
    assert curate(*VALIDATE, "--repo", "TWO/second").returncode == 0
    assert len(list(drafts.iterdir())) == 2


def test_an_edited_draft_stays_and_counts(curate: Curate, drafts: Path) -> None:
    curate(*VALIDATE)
    file = drafts / "one__first.toml"
    edited = file.read_text() + 'env_vars = { A = "b" }\n'
    file.write_text(edited)
    assert "1 attempted" in curate(*VALIDATE).stderr  # of its repository, and no other
    kept = curate("recipe", "draft", "one/first", "--sandbox", "local")
    assert "one__first.toml is kept" in kept.stderr
    assert "0 of 1 verified" in kept.stderr
    assert "one__first-1  plan/tests-only-removed" in kept.stderr
    assert file.read_text() == edited
    assert curate("recipe", "draft", "one/first", "--force", "--sample", "0").returncode == 0
    assert "env_vars" not in file.read_text()


def test_commands_use_the_draft_without_being_told(curate: Curate, drafts: Path) -> None:
    explain = ("recipe", "explain", "one__first-1", "--json")
    before = json.loads(curate(*explain).stdout)
    assert not drafts.exists()  # it only says what a validation would plan
    curate(*VALIDATE)
    after = json.loads(curate(*explain).stdout)
    assert before["recipe"] == after["recipe"] == "data/recipes/one__first.toml"
    assert before["rejection"] == after["rejection"]
    assert "ok     one/first: 1 range" in curate("recipe", "check").stdout
    assert curate("recipe", "check", "one/first").returncode == 0


def test_recipes_of_the_user_and_built_in_ones_come_first(
    curate: Curate, drafts: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/one__first.toml").write_text('repo = "one/first"\n')
    assert curate("--recipes-dir", "mine", *VALIDATE).returncode == 0
    assert [it.name for it in drafts.iterdir()] == ["two__second.toml"]
    (drafts / "getmoto__moto.toml").write_text('repo = "getmoto/moto"\n')
    (drafts / "one__first.toml").write_text('repo = "one/first"\n')
    library = RecipeLibrary((tmp_path / "mine",), (drafts,))
    assert [library.find_path(repo) for repo in ("one/first", "two/second")] == [
        tmp_path / "mine/one__first.toml",
        drafts / "two__second.toml",
    ]
    assert library.find_path("getmoto/moto") == RecipeLibrary().find_path("getmoto/moto")


def test_a_draft_that_fails_leaves_the_others(curate: Curate, drafts: Path, tmp_path: Path) -> None:
    (tmp_path / "data/mirrors/one__first.git").rename(tmp_path / "gone")
    done = curate(*VALIDATE)
    assert "Warning: one/first: no recipe, and none could be drafted" in done.stderr
    assert "Traceback" not in done.stderr
    assert "REJECTED two__second-1: plan/tests-only-removed" in done.stderr
    assert [it.name for it in drafts.iterdir()] == ["two__second.toml"]
    (tmp_path / "gone").rename(tmp_path / "data/mirrors/one__first.git")
    assert "one/first has no recipe: drafted" in curate(*VALIDATE).stderr


def test_a_dry_run_writes_nothing_and_tells_what_would_run(curate: Curate, drafts: Path) -> None:
    dry = curate(*VALIDATE, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.split() == ["one__first-1", "two__second-1"]
    assert "one/first has no recipe: one will be drafted" in dry.stderr
    assert not drafts.exists()
    curate(*VALIDATE)
    assert curate(*VALIDATE, "--dry-run").stdout == ""


class RecordingCrawler:
    """Crawls nothing, and remembers what it was asked for."""

    cost = (0, 0)

    def __init__(self) -> None:
        self.crawled: list[str] = []

    def crawl(self, repo: str, deadline: float | None) -> CrawlSummary:
        self.crawled.append(repo)
        nothing = dict.fromkeys(("pulls", "issues", "candidates", "requests", "points"), 0)
        return CrawlSummary(repo=repo, rejected={}, seconds=0.0, **nothing)

    def update_submodules(self, repo: str) -> None:
        pass


def test_a_rebuild_drafts_after_the_crawl(curate: Curate, drafts: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", python_install_dir=tmp_path / "pythons")
    crawler = RecordingCrawler()
    told: list[str] = []
    with Store(settings.data_dir) as store:
        rebuild = Rebuild(
            store=store,
            settings=settings,
            library=RecipeLibrary((), (settings.drafted_recipes_dir,)),
            options=RebuildOptions(
                validation=ValidationOptions(backend="local"),
                on_drafted=lambda draft: told.append(draft.repo),
            ),
            crawler=crawler,
        )
        (result,) = rebuild.crawl_all(REPOS[:1])
    assert (result.repo, crawler.crawled, told) == ("one/first", ["one/first"], ["one/first"])
    assert [it.name for it in drafts.iterdir()] == ["one__first.toml"]


def test_a_draft_that_a_crawl_must_know_is_told_and_crawled_again(
    curate: Curate, drafts: Path, tmp_path: Path
) -> None:
    git = GitHistory.new(tmp_path / "again")
    table = "[tool.pytest.ini_options]\ntestpaths = ['checks']\n"
    base = git.change({"pyproject.toml": PROJECT + table, "checks/check_a.py": "old\n"})
    shutil.rmtree(tmp_path / "data/mirrors/one__first.git")
    git.mirror(tmp_path / "data/mirrors/one__first.git")
    one = make_candidate(
        1, instance_id="one__first-1", repo="one/first", base_commit=base, head_commit=base
    )
    with Store(tmp_path / "data") as store:
        store.save_candidate(one)
    done = curate(*VALIDATE, "--dry-run", "--repo", "one/first")
    assert "To apply that: curate crawl one/first" in done.stderr
    settings = Settings(data_dir=tmp_path / "data", python_install_dir=tmp_path / "pythons")
    crawler = RecordingCrawler()
    with Store(settings.data_dir) as store:
        rebuild = Rebuild(
            store=store,
            settings=settings,
            library=RecipeLibrary((), (settings.drafted_recipes_dir,)),
            options=RebuildOptions(validation=ValidationOptions(backend="local")),
            crawler=crawler,
        )
        rebuild.crawl_all(["one/first"])
        assert crawler.crawled == ["one/first", "one/first"]
        rebuild.crawl_all(["one/first"])
    assert crawler.crawled == ["one/first"] * 3


def test_a_bug_in_drafting_leaves_the_defaults(
    curate: Curate, drafts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("for the test")

    monkeypatch.setattr("curate.workflows.drafting.make_draft", fail)
    done = curate(*VALIDATE)
    assert done.returncode == 0, done.stderr
    assert "two/second: no recipe, and none could be drafted" in done.stderr
    assert "unexpected ZeroDivisionError: for the test" in done.stderr
    assert "2 attempted: 0 verified, 2 rejected" in done.stderr
    assert not drafts.exists()
