import subprocess
from pathlib import Path

import pytest

from curate.builders.errors import BuilderError, MissingObjectsError
from curate.builders.git.tree import FileTree, FolderTree, GitTree

FILES = {
    "setup.py": b"a\n",
    "tests/req.txt": b"pytest\r\n\x00",
    "tests/data/deep": b"",
    "ü b": b"1",
}


def git(repo: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repo), "-c", "user.name=n", "-c", "user.email=e@x", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    for path, content in FILES.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(content)
    return work


@pytest.fixture
def repo(work: Path) -> Path:
    git(work, "init", "-q")
    (work / "link").symlink_to("setup.py")
    git(work, "add", "-A")
    git(work, "commit", "-qm", "one")
    (work / "setup.py").write_text("later\n")
    return work


def behaves(tree: FileTree) -> None:
    for path, content in FILES.items():
        assert tree.read(path) == content
    assert tree.read("tests") is None
    assert tree.read("no/such") is None
    assert {"setup.py", "ü b"} <= set(tree.list_names())
    assert tree.list_names("tests") == tree.list_names("tests/") == ("req.txt",)
    assert tree.list_names("nowhere") == ()


def test_folder(work: Path) -> None:
    behaves(FolderTree(work))


def test_commit(repo: Path) -> None:
    with GitTree(repo, "HEAD") as tree:
        behaves(tree)
        assert tree.read("link") is None


def test_bare_without_config(repo: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    git(tmp_path, "clone", "-q", "--bare", str(repo), str(bare))
    (bare / "config").unlink()
    with GitTree(bare, git(repo, "rev-parse", "HEAD")) as tree:
        behaves(tree)


def test_missing_blob_is_an_error_and_the_rest_readable(repo: Path) -> None:
    oid = git(repo, "rev-parse", "HEAD:setup.py")
    (repo / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with GitTree(repo, "HEAD") as tree:
        with pytest.raises(MissingObjectsError, match="setup"):
            tree.read("setup.py")
        assert tree.read("tests/req.txt") == FILES["tests/req.txt"]


def test_unknown_commit(repo: Path) -> None:
    with GitTree(repo, "0" * 40) as tree, pytest.raises(BuilderError):
        tree.list_names()
