"""Facts of base commits out of a real mirror: license, size, edited functions."""

from pathlib import Path

import pytest

from curate.core.model import CrawlState
from curate.patches.stats import compute_patch_stats
from curate.publish.context import PublishContext
from curate.publish.filters.apply import RowExaminer
from curate.publish.filters.config import ReleaseFilters
from curate.publish.measures import license
from curate.publish.measures.codebase import CodebaseReader, CodebaseSize
from curate.publish.tables import find_exclusions, make_train_rows
from curate.store import Store
from tests.helpers.factories import make_candidate, make_pull, make_validation
from tests.helpers.git_history import GitHistory

ROOT = Path(__file__).parents[2]


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    return GitHistory.new(tmp_path / "work")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    def identify(text: str) -> tuple[str, float]:
        texts.append(text)
        return text.strip(), 1.0

    monkeypatch.setattr(license, "identify_with_askalono", identify)
    return texts


def bases(history: GitHistory) -> CodebaseReader:
    return CodebaseReader({"owner/name": history.path / ".git"}.get)


def test_licenses_are_those_of_the_base_and_asked_once_a_text(
    history: GitHistory, asked: list[str]
) -> None:
    first = history.change({"LICENSE": "MIT\n"})
    second = history.change({"a.py": ""})
    third = history.change({"LICENSE": None, "setup.py": 'license="Apache 2.0",\n'})
    fourth = history.change({"setup.py": None})
    with bases(history) as found:
        told = [found.detect_license("owner/name", one) for one in (first, second, third, fourth)]
        assert told == ["MIT", "MIT", "Apache-2.0", ""]
        assert asked == ["MIT\n"]
        assert found.detect_license("owner/name", "0" * 40) == ""
        assert found.detect_license("other/name", first) == ""


def test_sizes_leave_out_tests_and_lines_of_binary_files(history: GitHistory) -> None:
    files: dict[str, str | bytes] = {
        "a.py": "1\n2\n",
        "b.bin": b"\0\n\n",
        "tests/c.py": "1\n",
        "dé f.txt": "no end",
    }
    commit = history.change(files)
    with bases(history) as found:
        assert found.measure_size("owner/name", commit) == CodebaseSize(files=3, lines=3)
        assert found.measure_size("owner/name", "0" * 40) is None
        assert found.measure_size("other/name", commit) is None


def test_edits_look_into_the_old_files(history: GitHistory) -> None:
    commit = history.change({"x.py": "def f():\n    return 1\n"})
    patch = (
        b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n"
        b"@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2\n"
    )
    with bases(history) as found:
        assert found.measure_patch(make_candidate(base_commit=commit, patch=patch)).functions == 1
        assert found.measure_patch(make_candidate(patch=patch)) == compute_patch_stats(patch)


def test_commits_are_those_of_the_pull_alone(history: GitHistory) -> None:
    base = history.change({"x.py": "1\n"})
    first, head = history.change({"x.py": "2\n"}), history.change({"x.py": "3\n"})
    with bases(history) as found:
        assert found.list_pull_commits(make_candidate(base_commit=base, head_commit=head)) == (
            head,
            first,
        )
        assert found.list_pull_commits(make_candidate(base_commit=base, head_commit="0" * 40)) == ()
        assert found.list_pull_commits(make_candidate(repo="other/name", base_commit=base)) == ()


def test_a_commit_in_the_statement_is_known_from_the_mirror(
    history: GitHistory, tmp_path: Path
) -> None:
    base, first = history.change({"x.py": "1\n"}), history.change({"x.py": "2\n"})
    head = history.change({"x.py": "3\n"})
    rules = ReleaseFilters.model_validate({"leaks": {"exclude": ["commit in problem_statement"]}})
    with Store(tmp_path / "data") as store, bases(history) as found:
        for number, named in ((7, first[:8]), (8, base[:8])):
            one = make_candidate(
                instance_id=f"owner__name-{number}",
                pull_number=number,
                base_commit=base,
                head_commit=head,
                problem_statement=f"Since {named} it breaks in way {number}.",
            )
            store.save_page("owner/name", [make_pull(number, repo="owner/name")], CrawlState())
            store.save_candidate(one)
            store.save_validation("owner/name", make_validation(instance_id=one.instance_id))
        ctx = PublishContext(store=store, codebases=found)
        held = find_exclusions(ctx, rules)
        assert {name: str(them[0]) for name, them in held.items()} == {
            "owner__name-7": "leak commit in problem_statement"
        }
        kept = make_train_rows(ctx, RowExaminer(rules)).rows
        assert [(row["solution_leaks"], row["leak_group"]) for row in kept] == [
            ([], "owner__name-7")
        ]


def test_askalono_knows_our_own_license() -> None:
    name, likeness = license.identify_with_askalono((ROOT / "LICENSE").read_text(encoding="utf-8"))
    assert name == "MIT"
    assert likeness >= license.MIN_SIMILARITY
