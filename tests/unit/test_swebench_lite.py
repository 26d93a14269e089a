"""Lite's rules: each broken alone, in both readings; the quirks of the code are kept apart."""

import pytest

from curate.publish.measures.swebench_lite import (
    CODED_CRITERIA,
    DOCUMENTED_CRITERIA,
    make_lite_input,
    violated_criteria,
)

ONE = b"diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n"
LONG = "word " * 45


def rules(
    text: str = LONG, patch: bytes = ONE, test_patch: bytes = b"", newest: int = 100
) -> tuple[list[str], list[str]]:
    made = make_lite_input("owner/name", text, patch, test_patch, newest)
    return violated_criteria(CODED_CRITERIA, made), violated_criteria(DOCUMENTED_CRITERIA, made)


def test_an_instance_without_fault() -> None:
    assert rules() == ([], [])


@pytest.mark.parametrize(
    ("text", "strict", "intended"),
    [
        ("word " * 40, ["words-up-to-40"], []),
        ("word " * 39, ["words-up-to-40"], ["words-below-40"]),
        (LONG + "https://example.org/x", ["link"], ["link"]),
        (LONG + "https://github.com/owner/name/blob/main/m.py", ["link"], []),
        (LONG + "(https://github.com/Owner/Name/)", ["link"], []),
        (LONG + "https://github.com/owner/name/issues/3", ["link"], ["link"]),
        (LONG + "https://github.com/owner/names", ["link"], ["link"]),
        (LONG + "see #100", ["reference"], ["reference"]),
        (LONG + "see #101", [], []),
        (LONG + "colour #0", [], []),
        (LONG + "Fixes #999", ["reference"], ["reference"]),
        (LONG + "a" * 40, ["commit-id"], ["commit-id"]),
        (LONG + "/" + "a" * 40, [], []),
        (LONG + "screen.PNG shows", ["image"], ["image"]),
        (LONG + "save it as a png file", [], []),
        (LONG + "any *.png does", [], ["image"]),
    ],
)
def test_texts(text: str, strict: list[str], intended: list[str]) -> None:
    assert rules(text) == (strict, intended)


NEW = ONE.replace(b"--- a/m.py", b"new file mode 100644\n--- /dev/null")
HUNK = b"@@ -9 +9 @@\n-a\n+b\n"
DOCS = ONE.replace(b"m.py", b"docs/m.rst")


@pytest.mark.parametrize(
    ("patch", "names"),
    [
        (NEW, ["adds-or-removes-files"]),
        (ONE + ONE.replace(b"m.py", b"n.py"), ["not-one-file"]),
        (ONE + HUNK * 2, []),
        (ONE + HUNK * 3, ["not-1-to-3-hunks"]),
        (DOCS, ["not-one-file", "not-1-to-3-hunks"]),
        (ONE + DOCS, []),
        (
            b"diff --git a/m.py b/n.py\nnew file mode 100644\nindex 000..e69\n",
            ["adds-or-removes-files", "not-1-to-3-hunks"],
        ),
    ],
)
def test_patches(patch: bytes, names: list[str]) -> None:
    assert rules(patch=patch) == (names, names)


def test_a_renamed_file_is_a_changed_one_as_coded() -> None:
    renamed = b"diff --git a/m.py b/n.py\nsimilarity index 90%\nrename from m.py\nrename to n.py\n"
    assert rules(patch=renamed + HUNK) == ([], ["adds-or-removes-files"])


@pytest.mark.parametrize(
    ("line", "strict", "intended"),
    [
        (b"+with pytest.raises(E, match='x'):", True, True),
        (b"-with pytest.raises(E, match='x'):", True, False),
        (b"+with pytest.raises(E):  # no match", True, False),
        (b"+with pytest.raises(E):", False, False),
        (b"+self.assertRaises(E)", True, False),
        (b"+self.assertRaisesRegex(E, 'x')", True, True),
        (b" checks.Error('x')", True, False),
        (b"+checks.Error('x')", True, True),
    ],
)
def test_tests_that_compare_messages(line: bytes, strict: bool, intended: bool) -> None:
    before, after = int(line[:1] in b" -"), int(line[:1] in b" +")
    head = b"@@ -1,%d +1,%d @@" % (before, after + 1)
    test_patch = ONE.replace(b"@@ -1 +1 @@\n-a\n", head + b"\n" + line + b"\n")
    found = rules(test_patch=test_patch)
    assert [names == ["error-message"] for names in found] == [strict, intended]
