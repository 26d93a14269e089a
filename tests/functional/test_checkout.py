"""Checkouts are made from real repositories by real git."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.builders.errors import BuilderError, MissingObjectsError
from curate.builders.git.checkout import (
    commit_step_commands,
    has_all_files,
    make_checkout,
    require_objects,
    submodule_commits,
    write_commit_step,
)

StepCheckout = Callable[[Path, str, str], Path]


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.test",
        "-c",
        "protocol.file.allow=always",
    ]
    command = ["git", *identity, *arguments]
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=stdin.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def commit(folder: Path, message: str, **files: str) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "library", lib="1\n")
    return folder


@pytest.fixture
def source(tmp_path: Path, library: Path) -> Path:
    """A repository with a tag, a submodule, a link and odd names; `HEAD~1` is the base."""
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first", old="old\n")
    git(folder, "tag", "v1")
    git(folder, "submodule", "add", "-q", str(library), "vendored")
    (folder / "link").symlink_to("old")
    (folder / "folder").mkdir()
    (folder / "folder" / "inner").write_text("inner\n")
    (folder / "name with blank é").write_bytes(b"\r\n\x00\xff")
    (folder / "run.sh").touch(0o755)
    commit(folder, "base", new="base\n")
    commit(library, "library, later", lib="2\n")
    commit(folder, "the fix", new="fixed\n")
    return folder


@pytest.fixture
def base(source: Path) -> str:
    return git(source, "rev-parse", "HEAD~1")


def test_tree_is_that_of_the_commit_and_clean(source: Path, base: str, tmp_path: Path) -> None:
    made = make_checkout(source, base, tmp_path / "out")
    assert git(made.path, "rev-parse", "HEAD") == base
    assert (made.path / "new").read_text() == "base\n"
    assert (made.path / "name with blank é").read_bytes() == b"\r\n\x00\xff"
    assert (made.path / "link").readlink() == Path("old")
    assert os.access(made.path / "run.sh", os.X_OK)
    assert git(made.path, "status", "--porcelain") == ""


def test_nothing_but_the_commit_can_be_reached(source: Path, base: str, tmp_path: Path) -> None:
    made = make_checkout(source, base, tmp_path / "out").path
    assert git(made, "log", "--all", "--format=%H", "HEAD") == base
    assert git(made, "for-each-ref") == ""
    assert git(made, "remote") == ""
    objects = git(
        made, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"
    )
    assert [line for line in objects.splitlines() if line.startswith("commit")] == [
        f"commit {base}"
    ]
    assert git(source, "rev-parse", "HEAD:new") not in objects
    assert not list((made / ".git").glob("logs")) + list((made / ".git").glob("hooks/*"))
    git(made, "fsck", "--strict")


def test_work_goes_on_in_the_checkout(source: Path, base: str, tmp_path: Path) -> None:
    made = make_checkout(source, base, tmp_path / "out").path
    (made / "new").write_text("changed\n")
    assert "+changed" in git(made, "diff")
    commit(made, "work")
    assert git(made, "rev-parse", "HEAD~1") == base


def test_submodule_has_the_commit_the_tree_names(
    source: Path, base: str, library: Path, tmp_path: Path
) -> None:
    made = make_checkout(source, base, tmp_path / "out", {"vendored": library, "absent": library})
    assert made.submodules == {"vendored": git(library, "rev-parse", "HEAD~1")}
    assert (made.path / "vendored" / "lib").read_text() == "1\n"
    assert git(made.path / "vendored", "rev-parse", "HEAD") == made.submodules["vendored"]
    assert git(made.path, "status", "--porcelain") == ""


def test_settings_of_the_user_change_nothing(
    source: Path, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[core]\n\tautocrlf = true\n\thooksPath = /tmp\n[init]\n\ttemplateDir = /\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    made = make_checkout(source, base, tmp_path / "out").path
    assert (made / "new").read_bytes() == b"base\n"


Damage = Callable[[Path, Path, str], str]


def _without(repository: Path, name: str) -> str:
    """Take the object *name* from *repository*, as a partial clone lacks it."""
    oid = git(repository, "rev-parse", name)
    (repository / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    return oid


DAMAGES: dict[str, Damage] = {
    "file": lambda source, library, base: _without(source, f"{base}:old") and "old",
    "folder": lambda source, library, base: _without(source, f"{base}:folder"),
    "root": lambda source, library, base: _without(source, f"{base}^{{tree}}"),
    "commit": lambda source, library, base: _without(source, base),
    "file of a submodule": lambda source, library, base: _without(library, "HEAD~1:lib") and "lib",
    "commit of a submodule": lambda source, library, base: _without(library, "HEAD~1"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_mirror_without_an_object_is_an_error_that_names_it(
    source: Path, base: str, library: Path, tmp_path: Path, damage: Damage
) -> None:
    require_objects(source, base, {"vendored": library})
    name = damage(source, library, base)
    with pytest.raises(MissingObjectsError, match=f"missing-objects: .*{name}.*") as checked:
        require_objects(source, base, {"vendored": library})
    with pytest.raises(MissingObjectsError) as made:
        make_checkout(source, base, tmp_path / "out", {"vendored": library})
    assert str(checked.value) == str(made.value)
    assert "--filter" in checked.value.hint
    assert not (tmp_path / "out").exists()


def test_partial_and_shallow_clones_lack_objects(source: Path, base: str, tmp_path: Path) -> None:
    git(source, "config", "uploadpack.allowFilter", "true")
    url = source.as_uri()
    git(source, "clone", "-q", "--mirror", "--filter=blob:none", url, str(tmp_path / "partial"))
    git(source, "clone", "-q", "--bare", "--depth=1", url, str(tmp_path / "shallow"))
    for name in ("partial", "shallow"):
        with pytest.raises(MissingObjectsError):
            require_objects(tmp_path / name, base, {})
    require_objects(tmp_path / "shallow", git(source, "rev-parse", "HEAD"), {})


def test_no_repository_is_an_error_as_well(tmp_path: Path) -> None:
    with pytest.raises(BuilderError, match="not a git repository"):
        require_objects(tmp_path, "f" * 40, {})


def test_unknown_commit_is_an_error_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BuilderError, match="f" * 40):
        make_checkout(source, "f" * 40, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def step(tmp_path: Path) -> StepCheckout:
    """Makes a checkout of one commit, then steps to another as an image's layer does."""

    def run(source: Path, older: str, newer: str) -> Path:
        target = make_checkout(source, older, tmp_path / "checkout").path
        write_commit_step(source, older, newer, tmp_path / "step.pack")
        script = "\n".join(
            ["set -eu", *commit_step_commands(older, newer, str(tmp_path / "step.pack"))]
        )
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["sh", "-c", script], cwd=target, env=environment, check=True)
        return target

    return run


def test_a_step_makes_the_checkout_of_a_later_commit(source: Path, step: StepCheckout) -> None:
    (source / "old").unlink()
    newer = commit(source, "later", new="more\n", added="x\n")
    target = step(source, git(source, "rev-parse", "HEAD~1"), newer)
    assert git(target, "rev-parse", "HEAD") == newer
    assert git(target, "status", "--porcelain", "--ignore-submodules") == ""
    assert (target / "new").read_text() == "more\n"
    assert (target / "added").exists()
    assert not (target / "old").exists()
    assert git(target, "for-each-ref") == ""
    assert git(target, "log", "--format=%H") == newer


def test_a_step_keeps_files_that_did_not_change(
    source: Path, step: StepCheckout, tmp_path: Path
) -> None:
    newer = commit(source, "later", new="more\n")
    target = step(source, git(source, "rev-parse", "HEAD~1"), newer)
    kept, changed = (target / "run.sh").stat(), (target / "new").stat()
    assert kept.st_mtime_ns < changed.st_mtime_ns
    pack = (tmp_path / "step.pack").stat().st_size
    assert pack < 1000


@pytest.mark.parametrize(
    ("attributes", "content"),
    [
        ("odd.txt working-tree-encoding=latin-1\n", b"caf\xe9\n"),  # not what git converts from
        ("odd.txt text eol=lf\n", b"one\r\n"),
        ("odd.txt text eol=crlf\n", b"one\r\n"),
    ],
)
def test_a_step_changes_files_that_git_cannot_convert_to_and_fro(
    source: Path, step: StepCheckout, attributes: str, content: bytes
) -> None:
    (source / "odd.txt").write_bytes(content)
    commit(source, "as it is", new="x\n")  # before the attributes, which would convert it
    (source / ".gitattributes").write_text(attributes)
    git(source, "add", ".gitattributes")
    git(source, "commit", "-q", "-m", "attributes")
    older = git(source, "rev-parse", "HEAD")
    object_id = git(source, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin="new\n")
    git(source, "update-index", "--cacheinfo", f"100644,{object_id},odd.txt")
    git(source, "commit", "-q", "-m", "changed")
    target = step(source, older, git(source, "rev-parse", "HEAD"))
    assert (target / "odd.txt").read_text().split() == ["x"]


def test_links_are_those_of_the_submodules_that_a_commit_has(
    source: Path, base: str, library: Path
) -> None:
    later = git(library, "rev-parse", "HEAD")
    assert submodule_commits(source, base, ("vendored", "new", "gone")) == {
        "vendored": git(library, "rev-parse", "HEAD~1")
    }
    git(source / "vendored", "pull", "-q")
    newer = commit(source, "submodule moved")
    assert submodule_commits(source, newer, ("vendored",)) == {"vendored": later}
    assert submodule_commits(source, git(source, "rev-parse", "v1"), ("vendored",)) == {}
    assert submodule_commits(source, base, ()) == {}


def test_a_mirror_without_a_file_is_not_whole(source: Path) -> None:
    head = git(source, "rev-parse", "HEAD")
    assert has_all_files(source, head)
    blob = git(source, "rev-parse", "HEAD:new")
    (source / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert not has_all_files(source, head)
