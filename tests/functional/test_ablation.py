"""Gold patches with a piece left out still apply, and lack exactly that piece."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curate.patches.ablation import hunk_ablations

Git = Callable[..., bytes]


OLD = "".join(f"line {n}\n" for n in range(60))


def everything(path: str) -> bool:
    return not path.endswith(".md")


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, Git]:
    def git(*arguments: str, stdin: bytes = b"") -> bytes:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, check=True)
        return done.stdout

    git("init", "-q")
    (tmp_path / "a.py").write_text(OLD)
    (tmp_path / "gone.py").write_text("x = 1\n")
    (tmp_path / "notes.md").write_text("old\n")
    git("add", ".")
    git("commit", "-qm", "base")
    return tmp_path, git


def change(folder: Path) -> None:
    lines = OLD.splitlines(keepends=True)
    lines[5:6] = ["five\n", "five and a half\n", "five and more\n"]
    del lines[22:25]
    lines[45] = "changed\n"
    (folder / "a.py").write_text("".join(lines))
    (folder / "new.py").write_text("y = 2\n")
    (folder / "gone.py").unlink()
    (folder / "notes.md").write_text("new\n")


def test_files_without_hunks_are_pieces_of_their_own(repository: tuple[Path, Git]) -> None:
    folder, git = repository
    (folder / "package").mkdir()
    (folder / "package/__init__.py").touch()
    (folder / "a.py").chmod(0o755)
    (folder / "gone.py").rename(folder / "renamed.py")
    (folder / "data.bin").write_bytes(b"\0\1")
    git("add", ".")
    gold = git("diff", "--cached", "--binary", "--find-renames", "HEAD")
    found = hunk_ablations(gold, everything)
    assert {piece.name for piece in found} == {
        "a.py",
        "data.bin",
        "package/__init__.py",
        "renamed.py",
    }
    for piece in found:
        git("reset", "-q", "--hard", "HEAD")
        git("apply", "--index", "-", stdin=piece.patch_without)


def test_each_piece_can_be_left_out(repository: tuple[Path, Git]) -> None:
    folder, git = repository
    change(folder)
    git("add", ".")
    gold = git("diff", "--cached", "--no-renames", "HEAD")
    whole = {path.name: path.read_text() for path in folder.glob("[a-z]*")}
    found = hunk_ablations(gold, everything)
    assert [piece.name for piece in found] == [
        "a.py @@ -3,7",
        "a.py @@ -18,9",
        "a.py @@ -44,7",
        "gone.py",
        "new.py",
    ]
    for piece in found:
        git("reset", "-q", "--hard", "HEAD")
        git("apply", "--index", "-", stdin=piece.patch_without)
        left = {path.name: path.read_text() for path in folder.glob("[a-z]*")}
        file = piece.name.split(" ")[0]
        assert {n: t for n, t in left.items() if n != file} == {
            n: t for n, t in whole.items() if n != file
        }
        assert left.get(file) != whole.get(file)
        again = git("diff", "--cached", "--no-renames", "HEAD")
        assert again.count(b"\n@@ ") == gold.count(b"\n@@ ") - 1
        assert _headers(again) == _headers(piece.patch_without)


def _headers(diff: bytes) -> list[bytes]:
    return [line.split(b" @@")[0] for line in diff.splitlines() if line.startswith(b"@@ ")]


def test_hunks_without_context_keep_their_places(repository: tuple[Path, Git]) -> None:
    folder, git = repository
    change(folder)
    git("add", ".")
    gold = git("diff", "--cached", "--no-renames", "-U0", "HEAD", "--", "a.py")
    for piece in hunk_ablations(gold, everything):
        git("reset", "-q", "--hard", "HEAD")
        git("apply", "--index", "--unidiff-zero", "-", stdin=piece.patch_without)
        again = git("diff", "--cached", "-U0", "HEAD")
        assert _headers(again) == _headers(piece.patch_without)


def test_many_hunks_are_left_out_by_file(repository: tuple[Path, Git]) -> None:
    folder, git = repository
    change(folder)
    git("add", ".")
    gold = git("diff", "--cached", "--no-renames", "HEAD")
    assert [piece.name for piece in hunk_ablations(gold, everything, max_ablations=3)] == [
        "a.py",
        "gone.py",
        "new.py",
    ]
    assert [piece.name for piece in hunk_ablations(gold, everything, max_ablations=2)] == [
        "a.py",
        "gone.py",
    ]
    assert hunk_ablations(gold, lambda _: False) == []


def test_a_path_that_is_not_utf8_can_be_stored(repository: tuple[Path, Git]) -> None:
    folder, git = repository
    (folder / os.fsdecode(b"caf\xe9.py")).write_text("x\n")
    git("add", ".")
    patch = git("diff", "--cached", "--binary")
    assert [piece.name for piece in hunk_ablations(patch, everything)] == ["caf\ufffd.py"]
