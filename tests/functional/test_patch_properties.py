"""Real `git diff` output of generated trees, cut and joined: every byte, every path."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.git.mirror import Mirror, open_mirror
from curate.patches.ablation import hunk_ablations
from curate.patches.parse import split_files, split_gold_and_test, split_hunks
from curate.patches.stats import compute_patch_stats
from curate.publish.measures import swebench_lite
from tests.helpers.git_history import GitHistory

NAMES = (
    b"a.py",
    b"b c.txt",
    b"x b/x",
    b'q"uote',
    b"tab\there",
    b"new\nline",
    "ü.py".encode(),
    b"latin-\xfc",
    b"tests/t.py",
    b"tests/e b/e",
    b"back\\slash",
)
LINES = (
    b"one\n",
    b"two\r\n",
    b"\r",
    b"--- a/a.py\n",
    b"+++ b/a.py\n",
    b"diff --git a/a.py b/a.py\n",
    b"@@ -1 +1 @@\n",
    b"rename from a.py\n",
    b"GIT binary patch\n",
    b"\xff\xfe\n",
    b"",
)
TEXT = st.lists(st.sampled_from(LINES), max_size=12).map(b"".join)
LONG = st.integers(0, 3).map(lambda n: b"".join(b"line %d\n" % it for it in range(40)) + LINES[n])
CONTENT = st.one_of(TEXT, LONG, st.binary(max_size=40), st.just(b"\0binary" * 30))
FILE = st.tuples(st.sampled_from([b"100644", b"100755", b"120000"]), CONTENT)
TREE = st.dictionaries(st.sampled_from(NAMES), FILE, max_size=6)


class Repository:
    """A bare repository that makes trees of what hypothesis thinks of."""

    def __init__(self, folder: Path) -> None:
        history = GitHistory.new(folder / "work")
        history.commit("Root", root_py="x\n")
        self.path = history.mirror(folder / "mirror")
        self.git = GitHistory(self.path)
        self.mirror: Mirror = open_mirror(self.path)

    def commit(self, tree: dict[bytes, tuple[bytes, bytes]]) -> str:
        self.git.environment["GIT_INDEX_FILE"] = str(self.path / "made")
        self.git.git("read-tree", "--empty")
        lines = []
        for name, (mode, content) in _without_conflicts(tree).items():
            oid = self.git.git("hash-object", "-w", "--stdin", stdin=content)
            lines.append(mode + b" " + oid.encode() + b"\t" + name + b"\0")
        self.git.git("update-index", "-z", "--index-info", stdin=b"".join(lines))
        return self.git.git("commit-tree", self.git.git("write-tree"), "-m", "Made")

    def applied(self, commit: str, *patches: bytes) -> str:
        self.git.git("read-tree", commit)
        for patch in patches:
            if patch:
                self.git.git("apply", "--cached", "--whitespace=nowarn", "-", stdin=patch)
        return self.git.git("write-tree")


def _without_conflicts(
    tree: dict[bytes, tuple[bytes, bytes]],
) -> dict[bytes, tuple[bytes, bytes]]:
    """No symbolic link to nothing or with a NUL: git refuses to apply these."""
    return {
        name: (b"100644" if not content or b"\0" in content else mode, content)
        for name, (mode, content) in tree.items()
    }


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("patches"))


def is_test(path: str) -> bool:
    return path.startswith("tests/")


@given(old=TREE, new=TREE)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_two_trees(
    repository: Repository,
    old: dict[bytes, tuple[bytes, bytes]],
    new: dict[bytes, tuple[bytes, bytes]],
) -> None:
    before, after = repository.commit(old), repository.commit(new)
    diffs = repository.mirror.diff_reader
    (changes,) = diffs.read_changed_files([(before, after)])
    (patch,) = diffs.read_patches([(before, after)])
    assert isinstance(changes, tuple) and isinstance(patch, bytes)
    parts = split_files(patch)
    assert b"".join(part.data for part in parts) == patch
    assert {name for it in parts for name in (it.path, it.source) if name} == {
        change.path for change in changes
    }
    tree = repository.git.git("rev-parse", f"{after}^{{tree}}")
    assert repository.applied(before, patch) == tree
    plain = diffs.read_plain_patch((before, after))
    assert isinstance(plain, bytes)
    gold, test = split_gold_and_test(split_files(plain), is_test)
    assert sorted(gold + test) == sorted(plain)
    assert all(is_test(part.path) for part in split_files(test))
    assert not any(is_test(part.path) for part in split_files(gold))
    assert repository.applied(before, gold, test) == tree


@given(old=TREE, new=TREE)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_piece_can_be_left_out_and_any_patch_measured(
    repository: Repository,
    old: dict[bytes, tuple[bytes, bytes]],
    new: dict[bytes, tuple[bytes, bytes]],
) -> None:
    before, after = repository.commit(old), repository.commit(new)
    (patch,) = repository.mirror.diff_reader.read_patches([(before, after)])
    assert isinstance(patch, bytes)
    tree = repository.git.git("rev-parse", f"{after}^{{tree}}")
    pieces = hunk_ablations(patch, lambda _: True, max_ablations=1000)
    assert len({piece.name for piece in pieces}) == len(pieces)
    for piece in pieces:
        piece.name.encode()
        assert repository.applied(before, piece.patch_without) != tree
    hunks = [hunk for part in split_files(patch) for hunk in split_hunks(part.data)[1]]
    changed = [
        line for hunk in hunks for line in hunk.split(b"\n")[1:] if line[:1] in b"+-" and line
    ]
    stats = compute_patch_stats(patch.replace(b".txt", b".py"), lambda _: b"")
    assert stats.lines == len(changed)
    swebench_lite.violated_criteria(
        swebench_lite.DOCUMENTED_CRITERIA,
        swebench_lite.make_lite_input("owner/name", "text", patch, patch, 1),
    )


SHAPES: dict[str, tuple[dict[bytes, tuple[bytes, bytes]], dict[bytes, tuple[bytes, bytes]]]] = {
    "rename": ({b"old.py": (b"100644", b"x\n")}, {b"new.py": (b"100644", b"x\n")}),
    "empty file": ({}, {b"pkg/__init__.py": (b"100644", b"")}),
    "deleted empty file": ({b"pkg/__init__.py": (b"100644", b"")}, {}),
    "mode": ({b"a.py": (b"100644", b"x\n")}, {b"a.py": (b"100755", b"x\n")}),
    "binary": ({b"a.bin": (b"100644", b"\0a")}, {b"a.bin": (b"100644", b"\0b")}),
    "link": ({b"a.py": (b"120000", b"x")}, {b"a.py": (b"120000", b"y")}),
    "file to link": ({b"a.py": (b"100644", b"x\n")}, {b"a.py": (b"120000", b"y")}),
    "link to file": ({b"a.py": (b"120000", b"y")}, {b"a.py": (b"100755", b"x\n")}),
    "no newline": ({b"a.py": (b"100644", b"x")}, {b"a.py": (b"100644", b"y")}),
    "name": ({}, {b"lib b/\xfc b/\tx": (b"100644", b"y\n")}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_without_hunks_is_one_piece(repository: Repository, shape: str) -> None:
    old, new = SHAPES[shape]
    other = {b"z.py": (b"100644", b"one\n")}, {b"z.py": (b"100644", b"two\n")}
    before, after = repository.commit(old | other[0]), repository.commit(new | other[1])
    (patch,) = repository.mirror.diff_reader.read_patches([(before, after)])
    assert isinstance(patch, bytes)
    first, second = hunk_ablations(patch, lambda _: True)
    without_first = repository.commit(old | other[1])
    assert repository.applied(before, first.patch_without) == repository.git.git(
        "rev-parse", f"{without_first}^{{tree}}"
    )
    without_second = repository.commit(new | other[0])
    assert repository.applied(before, second.patch_without) == repository.git.git(
        "rev-parse", f"{without_second}^{{tree}}"
    )


def test_a_submodule_is_one_piece(repository: Repository) -> None:
    def made(link: str, text: bytes) -> str:
        commit = repository.commit({b"z.py": (b"100644", text)})
        repository.git.git("read-tree", commit)
        repository.git.git("update-index", "--add", "--cacheinfo", f"160000,{link},sub")
        return repository.git.git("commit-tree", repository.git.git("write-tree"), "-m", "Made")

    before, after = made("1" * 40, b"one\n"), made("2" * 40, b"two\n")
    (patch,) = repository.mirror.diff_reader.read_patches([(before, after)])
    assert isinstance(patch, bytes)
    trees = [repository.applied(before, it.patch_without) for it in hunk_ablations(patch, bool)]
    assert trees == [
        repository.git.git("rev-parse", f"{made(link, text)}^{{tree}}")
        for link, text in (("1" * 40, b"two\n"), ("2" * 40, b"one\n"))
    ]
