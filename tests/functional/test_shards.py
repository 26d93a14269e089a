"""Machines share candidates and PRs: all are done, each once, and no environment twice."""

import json
import shutil
from pathlib import Path

import pytest

from curate.builders.git.lazy_tree import LazyTree, TreeReader
from curate.builders.git.tree import GitTree
from curate.core.shards import Shard
from curate.environments.manifest_keys import KIND, ManifestKeys, list_shard
from curate.recipes import RecipeLibrary
from curate.store import Store
from curate.store.merge import merge_stores
from tests.doubles.github.server import GitHubDouble
from tests.helpers.crawling import build_served_project
from tests.helpers.factories import make_candidate
from tests.helpers.git_history import GitHistory
from tests.helpers.store_snapshot import content
from tests.helpers.terminal import typed

REPO = "owner/name"
COUNT = 3


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    """A repository whose requirements change twice; other changes do not touch them."""
    git = GitHistory.new(tmp_path / "work")
    for version, requirement in enumerate(("a", "a", "b", "b", "a>=2", "a>=2")):
        setup = f"setup(version='{version}', install_requires=['{requirement}'])"
        git.commit(f"Version {version}", setup_py=setup, **{"pkg/deep/x.py": str(version)})
        git.commit("Other", **{"other.py": str(version), "pkg/a.txt": "x" * version})
    return git


def list_commits(git: GitHistory) -> list[str]:
    return git.git("log", "--reverse", "--format=%H").split()


def fill(folder: Path, commits: list[str]) -> None:
    numbers = range(1, len(commits) + 1)
    with Store(folder) as store:
        for number, commit in zip(numbers, commits, strict=True):
            store.save_candidate(
                make_candidate(number, pull_number=number, repo=REPO, base_commit=commit)
            )


def test_folders_are_read_as_by_git(history: GitHistory) -> None:
    (history.path / "link").symlink_to("setup.py")
    history.git("add", "link")
    history.git("commit", "-qm", "Link")
    reader = TreeReader(history.path / ".git")
    for commit in list_commits(history):
        tree = LazyTree(reader, commit)
        with GitTree(history.path, commit) as whole:
            assert tree.exists()
            for folder in ("", "pkg", "pkg/deep", "pkg/", "missing", "setup.py", "pkg/x/y"):
                assert tree.list_names(folder) == whole.list_names(folder)
            for path in (*whole.paths, "link", "pkg", "missing", "missing/x", "setup.py/x"):
                assert tree.read(path) == whole.read(path)
                assert tree.object_id(path) == whole.object_id(path)
    assert not LazyTree(reader, "f" * 40).exists()
    reader.close()


def test_candidates_with_the_same_requirements_have_the_same_key(
    history: GitHistory, tmp_path: Path
) -> None:
    commits = [*list_commits(history), "f" * 40]
    fill(tmp_path / "data", commits)
    with Store(tmp_path / "data") as store:
        keys = {}
        for _ in range(2):  # the second time from the store, without a mirror
            found = ManifestKeys(store, RecipeLibrary(), lambda repo: history.path / ".git")
            keys = {one.instance_id: key for one, key in found.iter_keys(store.iter_candidates())}
            shutil.rmtree(history.path, ignore_errors=True)
        assert len(store.derived.inputs_by_key(KIND)) == len(commits) - 1
        assert found.problems.keys() == {REPO}
    by_commit = [keys[f"owner__name-{number}"] for number in range(1, len(commits) + 1)]
    first, second, third = set(by_commit[:4]), set(by_commit[4:8]), set(by_commit[8:12])
    assert [len(it) for it in (first, second, third)] == [1, 1, 1]
    assert len(first | second | third) == 3
    assert by_commit[12] is None


def test_shards_share_candidates_by_their_manifests(history: GitHistory, tmp_path: Path) -> None:
    commits = list_commits(history)
    fill(tmp_path / "data", commits)
    with Store(tmp_path / "data") as store:
        shards = [
            list_shard(
                Shard(index=index, count=COUNT),
                *(store, RecipeLibrary(), lambda repo: history.path / ".git"),
                repo=None,
                ids=(),
            ).ids
            for index in range(1, COUNT + 1)
        ]
        everything = list(store.candidate_hashes())
    assert sorted(name for shard in shards for name in shard) == sorted(everything)
    numbers = [{(int(name.rpartition("-")[2]) - 1) // 4 for name in shard} for shard in shards]
    assert sorted(place for shard in numbers for place in shard) == [0, 1, 2]


def test_shards_of_a_crawl_merge_to_the_whole(tmp_path: Path) -> None:
    project = build_served_project(tmp_path / "served", fit=9, unfit=20)
    with GitHubDouble(project.world, token="t") as double:
        whole = project.crawl(tmp_path / "whole", double)
        parts = []
        for index in range(1, COUNT + 1):
            folder = tmp_path / f"shard-{index}"
            if index > 1:  # pages are fetched once
                shutil.copytree(tmp_path / "shard-1", folder)
            parts.append(project.crawl(folder, double, shard=Shard(index=index, count=COUNT)))
    assert sum(part.candidates for part in parts) == whole.candidates == 9
    assert [part.pulls for part in parts] == [whole.pulls, 0, 0]
    with Store(tmp_path / "all") as target:
        merge_stores(target, [tmp_path / f"shard-{n}" for n in (3, 1, 2)])
    assert content(tmp_path / "all") == content(tmp_path / "whole")


def test_a_shard_of_validate_is_what_would_run(history: GitHistory, tmp_path: Path) -> None:
    fill(tmp_path / "data", list_commits(history))
    history.mirror(tmp_path / "data/mirrors/owner__name.git")
    (tmp_path / "recipes").mkdir()
    recipe = 'repo = "owner/name"\n[[env]]\nversions = "*"\n'
    (tmp_path / "recipes" / "owner__name.toml").write_text(recipe)
    listed: list[str] = []
    for index in range(1, COUNT + 1):
        command = ("--recipes-dir", "recipes", "validate", "--dry-run", "--json")
        done = typed((*command, "--shard", f"{index}/{COUNT}"), tmp_path, {})
        assert done.returncode == 0, done.stderr
        listed += json.loads(done.stdout)["ids"]
    assert sorted(listed) == sorted(f"owner__name-{n}" for n in range(1, 13))


def test_where_the_shard_is_not_known_the_others_are_found(
    history: GitHistory, tmp_path: Path
) -> None:
    """Another machine may have the mirror, and know of another shard."""
    fill(tmp_path / "data", [*list_commits(history), "f" * 40])
    with Store(tmp_path / "data") as store:
        store.save_candidate(make_candidate(1, instance_id="o__r-1", repo="o/r", pull_number=1))
    history.mirror(tmp_path / "data/mirrors/owner__name.git")
    (tmp_path / "recipes").mkdir()
    for name in ("owner/name", "o/r"):
        recipe = f'repo = "{name}"\n[[env]]\nversions = "*"\n'
        (tmp_path / "recipes" / f"{name.replace('/', '__')}.toml").write_text(recipe)
    command = ("--recipes-dir", "recipes", "validate", "--dry-run", "--json", "--shard", "1/1")
    done = typed(command, tmp_path, {})
    assert done.returncode == 4
    assert "The shards of 2 candidates are not known: " in done.stderr
    assert "o/r: No mirror of o/r" in done.stderr
    assert len(json.loads(done.stdout)["ids"]) == 12


@pytest.mark.parametrize("command", ["crawl", "validate", "evaluate"])
def test_what_is_no_shard_is_refused(command: str, tmp_path: Path) -> None:
    done = typed((command, "--shard", "0/4", "o/r"), tmp_path, {})
    assert done.returncode == 2
    assert "shards are numbered from 1 to 4" in done.stderr
    assert not (tmp_path / "data").exists()
