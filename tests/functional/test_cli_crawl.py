"""`curate crawl` as a user meets it: clones, several repositories, tokens, what is printed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.process_lock import CRAWL, PUBLICATION, VALIDATION, process_lock
from tests.doubles.github.data import Repository, World
from tests.doubles.github.samples import sample_issue, sample_pull, sample_repository, stamp
from tests.doubles.github.server import GitHubDouble
from tests.helpers.git_history import GitHistory
from tests.helpers.terminal import Curate, Typed, typed

REPO = "sample/one"
TOKENS = ("ghp_" + "q" * 36, "ghp_" + "w" * 36)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where git goes when it is told to go to github.com."""
    return tmp_path / "site"


@pytest.fixture
def curate(tmp_path: Path, site: Path) -> Curate:
    def run(*arguments: str, double: GitHubDouble, token: str = "") -> Typed:
        variables = {
            "CURATE_GITHUB_API_URL": double.url,
            "GITHUB_TOKEN": token,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{site}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
        return typed(arguments, tmp_path, variables)

    return run


def publish(site: Path, repo: str) -> GitHistory:
    """A repository of one commit where git will look for *repo*."""
    history = GitHistory.new(site / f"{repo}.git")
    history.change({"pkg/a.py": "broken\n"})
    return history


def add_pull(history: GitHistory, data: Repository, number: int, **changes: object) -> None:
    base = history.head()
    history.branch(f"pull-{number}")
    head = history.change({"pkg/a.py": f"{number}\n", f"tests/test_{number}.py": "x\n"})
    history.checkout("main")
    history.pull_ref(number, head)
    closing = [{"repo": data.name, "number": number + 1000}]
    data.issues[number + 1000] = sample_issue(number + 1000, updatedAt=stamp(1))
    data.pulls[number] = sample_pull(
        number, baseRefOid=base, headRefOid=head, mergeCommit=None, closing=closing, **changes
    )


@pytest.mark.parametrize("has_new_base", [True, False])
def test_a_mirror_older_than_the_store_is_updated_and_loses_no_candidate(
    curate: Curate, site: Path, tmp_path: Path, has_new_base: bool
) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    mirror = tmp_path / "data/mirrors/sample__one.git"
    with GitHubDouble(World(data)) as double:
        add_pull(history, data, 1)
        curate("crawl", REPO, double=double)
        shutil.copytree(mirror, tmp_path / "older")
        if has_new_base:
            history.change({"pkg/b.py": "other\n"})
        add_pull(history, data, 2)
        curate("crawl", REPO, double=double)
        shutil.rmtree(mirror)
        (tmp_path / "older").rename(mirror)
        third = curate("crawl", REPO, double=double)
    assert third.stderr.count("Updating the mirror") == 1
    with Store(tmp_path / "data") as store:
        assert store.candidate_numbers(REPO) == [1, 2]


def test_a_clone_is_updated_only_when_heads_are_missing(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    with GitHubDouble(World(data)) as double:
        first = curate("crawl", REPO, "--json", double=double)
        assert json.loads(first.stdout)[REPO]["candidates"] == 1
        add_pull(history, data, 2)
        second = curate("crawl", REPO, "--json", double=double)
        assert json.loads(second.stdout)[REPO]["candidates"] == 1
        assert second.stderr.count("Updating the mirror") == 1
        site.rename(tmp_path / "gone")
        third = curate("crawl", REPO, double=double)
    assert (third.returncode, third.stdout) == (0, "")
    assert "Updating" not in third.stderr


def test_all_repositories_that_have_a_recipe(curate: Curate, site: Path) -> None:
    first, second, *others = [recipe.repo for recipe in RecipeLibrary()]
    world = World(Repository.of(first), Repository.of(second))
    for name in (first, second):
        add_pull(publish(site, name), world[name], 1)
    with GitHubDouble(world) as double:
        done = curate("crawl", "--all", "--json", double=double)
    assert sorted(json.loads(done.stdout)) == sorted([first, second])
    assert (done.returncode, bool(others)) == (4, True)
    assert done.stderr.count("not found on GitHub") == len(others)


@pytest.mark.parametrize("arguments", [(), ("--all", REPO)])
def test_either_names_or_all(curate: Curate, arguments: tuple[str, ...]) -> None:
    with GitHubDouble(World()) as double:
        done = curate("crawl", *arguments, double=double)
    assert done.returncode == 2
    assert "--all" in done.stderr


def test_several_tokens_one_of_them_refused(curate: Curate, site: Path) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    with GitHubDouble(World(data), token=TOKENS[1]) as double:
        done = curate("crawl", REPO, double=double, token=", ".join(TOKENS))
    assert done.returncode == 0
    assert "token 1 of 2" in done.stderr
    assert not any(token[:8] in done.stderr + done.stdout for token in TOKENS)


def test_what_is_said_in_the_end(curate: Curate, site: Path) -> None:
    publish(site, REPO)
    with GitHubDouble(World(sample_repository(REPO, 3))) as double:
        done = curate("crawl", REPO, double=double)
    assert "3 PRs and 0 updated issues fetched, 0 new candidates; 1 requests" in done.stderr
    assert "3 missing-objects" in done.stderr


def test_a_second_crawl_names_the_one_that_runs_and_does_nothing(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    lines = (
        "import sys, pathlib",
        "from curate.store.process_lock import process_lock",
        "with process_lock(pathlib.Path(sys.argv[2]), 'crawl'): print(flush=True); input()",
    )
    code = "\n".join(lines)
    command = [sys.executable, "-c", code, "crawl", str(tmp_path / "data")]
    with Store(tmp_path / "data"):
        pass
    with GitHubDouble(World(data)) as double:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout
            assert other.stdout.readline()
            for name in ("crawl", "rebuild"):
                second = curate(name, REPO, double=double)
                assert second.returncode == 7
                told = "Another process of curate is running crawl in data"
                assert f"Error: {told} (process {other.pid} on" in second.stderr
                assert ": curate crawl " in second.stderr
            assert not double.requests
            assert curate("validate", double=double).returncode == 0
            assert curate("status", double=double).returncode == 0
            other.kill()
            other.wait()
        assert curate("crawl", REPO, double=double).returncode == 0


@pytest.mark.parametrize("purpose", [VALIDATION, PUBLICATION])
def test_a_crawl_runs_beside_other_work(
    curate: Curate, site: Path, tmp_path: Path, purpose: str
) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    with (
        Store(tmp_path / "data"),
        process_lock(tmp_path / "data", purpose),
        GitHubDouble(World(data)) as double,
    ):
        assert curate("crawl", REPO, double=double).returncode == 0


def test_a_second_publication_is_refused(curate: Curate, site: Path, tmp_path: Path) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    add_pull(history, data, 1)
    with GitHubDouble(World(data)) as double:
        curate("crawl", REPO, double=double)
        with process_lock(tmp_path / "data", PUBLICATION):
            second = curate("publish", double=double)
        assert second.returncode == 7
        assert "Another process of curate is running publication" in second.stderr
        with process_lock(tmp_path / "data", CRAWL):
            beside = curate("publish", double=double)
        assert "Another process of curate" not in beside.stderr


def write_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    text = f'repo = "{REPO}"\n[submodules]\nlib = "sample/lib"\nold = "sample/lib"\n[[env]]\n'
    (tmp_path / "recipes" / "sample__one.toml").write_text(text)


def add_submodule(history: GitHistory, library: GitHistory) -> str:
    """Make *library*'s head the submodule `lib` of *history*."""
    commit = library.head()
    history.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    history.git("commit", "--quiet", "--message", "Move lib")
    return commit


def test_repositories_of_submodules_are_cloned_and_updated(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    write_recipe(tmp_path)
    history, data, library = publish(site, REPO), Repository.of(REPO), publish(site, "sample/lib")
    mirror = tmp_path / "data" / "mirrors" / "sample__lib.git"
    options = ("--recipes-dir", str(tmp_path / "recipes"))
    add_submodule(history, library)
    add_pull(history, data, 1)
    with GitHubDouble(World(data)) as double:
        first = curate(*options, "crawl", REPO, "--json", double=double)
        assert (first.returncode, list(json.loads(first.stdout))) == (0, [REPO])
        assert first.stderr.count("Cloning sample/lib") == 1
        moved = GitHistory(library.path, clock=library.clock + 3600)
        moved.change({"pkg/b.py": "new\n"})
        again = curate(*options, "crawl", REPO, double=double)
        assert "sample/lib" not in again.stderr
        commit = add_submodule(history, moved)
        add_pull(history, data, 2)
        later = curate(*options, "crawl", REPO, double=double)
    assert later.stderr.count("Updating the mirror of sample/lib") == 1
    shown = subprocess.run(["git", "-C", mirror, "cat-file", "-e", commit], check=False)
    assert shown.returncode == 0


def test_a_submodule_that_cannot_be_cloned_ends_no_other_crawl(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    write_recipe(tmp_path)
    other = "sample/two"
    world = World(Repository.of(REPO), Repository.of(other))
    for name in (REPO, other):
        add_pull(publish(site, name), world[name], 1)
    options = ("--recipes-dir", str(tmp_path / "recipes"))
    with GitHubDouble(world) as double:
        done = curate(*options, "crawl", REPO, other, "--json", double=double)
        assert done.returncode == 4
        assert f"No mirror of sample/lib, a submodule of {REPO}: Repository not" in done.stderr
        counts = {name: it["candidates"] for name, it in json.loads(done.stdout).items()}
        assert counts == {REPO: 1, other: 1}
        publish(site, "sample/lib")
        assert curate(*options, "crawl", REPO, double=double).returncode == 0


def declare(history: GitHistory, **addresses: str) -> None:
    """Commit a `.gitmodules` with path = address."""
    sections = [
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in addresses.items()
    ]
    history.change({".gitmodules": "".join(sections)})


def test_submodules_that_only_gitmodules_names_are_cloned_where_they_can_be(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    history, data = publish(site, REPO), Repository.of(REPO)
    library, sibling = publish(site, "other/library"), publish(site, "sample/sibling")
    declare(
        history,
        lib="https://github.com/other/library.git",
        sibling="../sibling.git",
        gone="https://github.com/other/gone",
        elsewhere="https://git.example.test/a/b.git",
        local=str(site / "other/library.git"),
        command="ext::touch owned",
    )
    for path, one in (("lib", library), ("sibling", sibling)):
        history.git("update-index", "--add", "--cacheinfo", f"160000,{one.head()},{path}")
    history.git("commit", "--quiet", "--message", "Add submodules")
    add_pull(history, data, 1)
    with GitHubDouble(World(data)) as double:
        done = curate("crawl", REPO, double=double)
    assert done.returncode == 0, done.stderr
    assert "No mirror of github.com/other/gone, a submodule of sample/one" in done.stderr
    mirrors = {path.name for path in (tmp_path / "data" / "mirrors").glob("*.git")}
    assert mirrors == {"sample__one.git", "other__library.git", "sample__sibling.git"}
    assert not list(tmp_path.rglob("owned"))


def test_a_recipe_takes_precedence_over_gitmodules(
    curate: Curate, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "recipes").mkdir()
    text = f'repo = "{REPO}"\n[submodules]\nlib = "other/fork"\nunused = ""\n[[env]]\n'
    (tmp_path / "recipes" / "sample__one.toml").write_text(text)
    history, data = publish(site, REPO), Repository.of(REPO)
    publish(site, "other/fork")
    declare(
        history,
        lib="https://github.com/other/gone",
        unused="https://github.com/other/unused",
    )
    add_pull(history, data, 1)
    with GitHubDouble(World(data)) as double:
        options = ("--recipes-dir", str(tmp_path / "recipes"))
        done = curate(*options, "crawl", REPO, double=double)
    assert done.returncode == 0, done.stderr
    assert "No mirror" not in done.stderr
    mirrors = {path.name for path in (tmp_path / "data" / "mirrors").iterdir()}
    assert mirrors == {"sample__one.git", "other__fork.git"}


@pytest.mark.parametrize(("filters", "warned"), [("default", 1), ("own.toml", 0), ("gone.toml", 0)])
def test_a_repository_whose_instances_no_release_will_have(
    curate: Curate, site: Path, tmp_path: Path, filters: str, warned: int
) -> None:
    repo = "sqlfluff/sqlfluff"  # of SWE-bench Lite's development set
    publish(site, repo)
    (tmp_path / "own.toml").write_text("[contamination]\nrepositories = false\n")
    (tmp_path / "curate.toml").write_text(f'release_filters = "{filters}"\n')
    with GitHubDouble(World(Repository.of(repo), Repository.of(REPO))) as double:
        done = curate("crawl", repo, double=double)
        publish(site, REPO)
        plain = curate("crawl", REPO, double=double)
    assert done.returncode == plain.returncode == 0
    assert done.stderr.count("exclude all its instances (benchmark-repository)") == warned
    assert done.stderr.count("contamination.repositories = false") == warned
    assert "benchmark-repository" not in plain.stderr
