from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.git.mirror import Mirror, open_mirror
from curate.patches.parse import split_files, split_gold_and_test
from tests.helpers.git_history import GitHistory

BINARY = bytes(range(256)) * 4
FILES: dict[str, str | bytes | None] = {
    "pkg/a.py": "def f():\n    return 1\n",
    "pkg/crlf.txt": b"one\r\ntwo\r\n",
    "pkg/no-newline": b"last line",
    "pkg/with blank.py": "x = 1\n",
    'pkg/ü"q\tt.py': "x = 2\n",
    "pkg/gone.py": "x = 3\n",
    "pkg/mode.sh": "echo\n",
    "tests/test_a.py": "def test():\n    pass\n",
    "tests/data.bin": BINARY,
}
CHANGED: dict[str, bytes | str | None] = {
    "pkg/a.py": "def f():\n    return 2\n# diff --git a/x b/x\n",
    "pkg/crlf.txt": b"one\r\nthree\r\n\rdiff --git a/y b/y\r\n",
    "pkg/no-newline": b"diff --git a/z b/z",
    "pkg/with blank.py": "x = 10\n",
    'pkg/ü"q\tt.py': "x = 20\n",
    "pkg/gone.py": None,
    "pkg/empty.py": b"",
    "pkg/new file": b"",
    "tests/test_a.py": "def test():\n    assert f() == 2\n",
    "tests/data.bin": BINARY[::-1],
}


def _patch(mirror: Mirror, old: str, new: str) -> bytes:
    (patch,) = mirror.diff_reader.read_patches([(old, new)])
    assert isinstance(patch, bytes)
    return patch


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[GitHistory, str, str, bytes]:
    folder = tmp_path_factory.mktemp("patch")
    history = GitHistory.new(folder / "work")
    old = history.change(dict(FILES))
    (history.path / "pkg/mode.sh").chmod(0o755)
    new = history.change(CHANGED)
    with open_mirror(history.mirror(folder / "mirror")) as mirror:
        return history, old, new, _patch(mirror, old, new)


def test_sections_name_every_file(made: tuple[GitHistory, str, str, bytes]) -> None:
    paths = {section.path for section in split_files(made[3])}
    assert paths == {*CHANGED, "pkg/mode.sh"}


def test_sections_lose_no_byte(made: tuple[GitHistory, str, str, bytes]) -> None:
    assert b"".join(section.data for section in split_files(made[3])) == made[3]


def test_both_halves_apply_and_give_the_new_tree(
    made: tuple[GitHistory, str, str, bytes],
) -> None:
    history, old, new, patch = made
    gold, test = split_gold_and_test(split_files(patch), lambda path: path.startswith("tests/"))
    assert len(gold) + len(test) == len(patch)
    assert {section.path for section in split_files(test)} == {"tests/test_a.py", "tests/data.bin"}
    history.git("checkout", "--quiet", "--detach", old)
    for half in (gold, test):
        history.git("apply", "--index", "-", stdin=half)
    assert history.git("write-tree") == history.git("rev-parse", f"{new}^{{tree}}")


def test_a_diff_of_gits_porcelain_with_renames(tmp_path: Path) -> None:
    history = GitHistory.new(tmp_path / "work")
    history.change({"old name.py": "x = 1\n" * 20})
    history.change({"old name.py": None, "tests/new.py": "x = 1\n" * 20})
    diff = history.git("diff", "-M", "HEAD~", "HEAD").encode()
    (section,) = split_files(diff)
    assert (section.source, section.path) == ("old name.py", "tests/new.py")


def test_no_diff_has_no_sections() -> None:
    assert split_files(b"") == ()
    assert split_files(b"From: someone\n\nhello\n") == ()


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6))
@settings(max_examples=50)
def test_any_content_behind_a_prefix_stays_in_its_section(lines: list[bytes]) -> None:
    body = b"".join(b"+" + line.replace(b"\n", b"") + b"\n" for line in lines)
    head = b"diff --git a/%s b/%s\nindex 1..2 100644\n--- a/%s\n+++ b/%s\n@@ -0,0 +1,%d @@\n"
    first, second = ((head % (n, n, n, n, len(lines))) + body for n in (b"a.py", b"tests/b.py"))
    assert split_gold_and_test(split_files(first + second), lambda path: "tests" in path) == (
        first,
        second,
    )
