"""Facts of base commits out of a real mirror: licence, size, edited functions."""

from pathlib import Path

import pytest

from curate.publishing import licence
from curate.publishing.bases import Bases, Size
from curate.publishing.edits import edits
from tests.unit.history import GitHistory
from tests.unit.test_rows import candidate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def history(tmp_path):
    return GitHistory.new(tmp_path / "work")


@pytest.fixture
def asked(monkeypatch):
    texts = []

    def identify(text):
        texts.append(text)
        return text.strip(), 1.0

    monkeypatch.setattr(licence, "by_askalono", identify)
    return texts


def bases(history):
    return Bases({"owner/name": history.path / ".git"}.get)


def test_licences_are_those_of_the_base_and_asked_once_a_text(history, asked):
    first = history.change({"LICENSE": "MIT\n"})
    second = history.change({"a.py": ""})
    third = history.change({"LICENSE": None, "setup.py": 'license="Apache 2.0",\n'})
    fourth = history.change({"setup.py": None})
    with bases(history) as found:
        told = [found.licence("owner/name", one) for one in (first, second, third, fourth)]
        assert told == ["MIT", "MIT", "Apache-2.0", ""]
        assert asked == ["MIT\n"]
        assert found.licence("owner/name", "0" * 40) == ""
        assert found.licence("other/name", first) == ""


def test_sizes_leave_out_tests_and_lines_of_binary_files(history):
    files = {"a.py": "1\n2\n", "b.bin": b"\0\n\n", "tests/c.py": "1\n", "dé f.txt": "no end"}
    commit = history.change(files)
    with bases(history) as found:
        assert found.size("owner/name", commit) == Size(files=3, lines=3)
        assert found.size("owner/name", "0" * 40) is None
        assert found.size("other/name", commit) is None


def test_edits_look_into_the_old_files(history):
    commit = history.change({"x.py": "def f():\n    return 1\n"})
    patch = (
        b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n"
        b"@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"
    )
    with bases(history) as found:
        assert found.edits(candidate(base_commit=commit, patch=patch)).functions == 1
        assert found.edits(candidate(patch=patch)) == edits(patch)


def test_askalono_knows_our_own_licence():
    name, likeness = licence.by_askalono((ROOT / "LICENSE").read_text(encoding="utf-8"))
    assert name == "MIT"
    assert likeness >= licence.SURE
