"""A result holds as long as all that was looked at is the same, and no longer."""

from pathlib import Path

from curate.builders.git.tree import FileTree, FolderTree
from curate.builders.requirements.read_once import read_once


def test_a_result_holds_while_everything_that_was_read_is_the_same(tmp_path: Path) -> None:
    calls = []

    @read_once
    def join_named(tree: FileTree) -> bytes:
        calls.append(tree)
        names = (tree.read("names") or b"none").split()
        return b" ".join(tree.read(name.decode()) or b"-" for name in names)

    def read(**files: str) -> tuple[bytes, int]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return join_named(FolderTree(folder)), len(calls)

    assert read(names="a b", a="1", b="2") == (b"1 2", 1)
    assert read(names="a b", a="1", b="2", c="another file") == (b"1 2", 1)
    assert read(names="a b", a="1", b="3") == (b"1 3", 2)
    assert read(names="a b", a="1") == (b"1 -", 3)
    assert read(names="a b", a="1", b="2") == (b"1 2", 3)
    assert read(names="b a", a="1", b="2") == (b"2 1", 4)
    assert read() == (b"-", 5)


def test_folders_that_were_listed_count_as_read(tmp_path: Path) -> None:
    list_all = read_once(lambda tree: tree.list_names("sub"))
    (tmp_path / "sub").mkdir()
    assert list_all(FolderTree(tmp_path)) == ()
    (tmp_path / "sub" / "a").touch()
    assert list_all(FolderTree(tmp_path)) == ("a",)
