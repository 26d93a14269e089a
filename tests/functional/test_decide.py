"""Deciding over stored pulls, without GitHub: what is decided again, what a kill loses."""

import logging
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.core.model import Candidate, CrawlState, Issue, PullRequest
from curate.crawl import candidates
from curate.crawl import decide as stage
from curate.crawl.candidates import PullAnalysis
from curate.crawl.decide import PullSource, RemoteLookups, decide_pulls, keep_as_stored
from curate.crawl.linked_issues import IssueAnswers
from curate.git.mirror import open_mirror
from curate.patches.file_kinds import FileClassifier
from curate.store.store import Store
from tests.helpers.factories import DAY, make_pull
from tests.helpers.git_history import GitHistory

REPO = "o/r"


def _issues(found: Sequence[PullAnalysis]) -> IssueAnswers:
    issue = Issue(repo=REPO, number=1, title="Broken", body="It is", created_at=DAY, updated_at=DAY)
    return {(REPO, 1): issue}


@dataclass
class Project:
    """A history with merged pulls, its mirror and its store."""

    git: GitHistory
    folder: Path
    store: Store
    pulls: list[PullRequest] = field(default_factory=list)

    def merge_pull(self, number: int, files: dict[str, Any], **changes: Any) -> PullRequest:
        base = self.git.head()
        self.git.branch("feature")
        head = self.git.change(files)
        self.git.checkout("main")
        merged = self.git.merge("feature")
        facts: dict[str, Any] = {"base_commit": base, "head_commit": head, "merge_commit": merged}
        made = make_pull(number, **(facts | {"body": "Fixes #1"} | changes))
        self.pulls.append(made)
        self.store.save_page(REPO, [made], CrawlState())
        return made

    def mirror(self) -> Path:
        path = self.folder / "mirror"
        if path.exists():
            self.git.git("push", "--quiet", "--mirror", str(path))
            return path
        return self.git.mirror(path)

    def decide(self, rules: FileClassifier | None = None, **options: Any) -> dict[str, int]:
        with open_mirror(self.folder / "mirror") as mirror:
            return dict(
                decide_pulls(
                    REPO,
                    self.store,
                    PullSource(
                        mirror=mirror,
                        classifier=rules or FileClassifier(),
                        refresh=options.pop("refresh", None),
                    ),
                    RemoteLookups(
                        **{
                            name: options.pop(name, default)
                            for name, default in (
                                ("resolve_issues", _issues),
                                ("complete_pulls", keep_as_stored),
                            )
                        }
                    ),
                    **options,
                )
            )

    def made(self) -> list[Candidate]:
        return list(self.store.iter_candidates(REPO))


def adds_test(number: int) -> dict[str, str]:
    return {f"pkg/n{number}.py": "x\n", f"tests/test_n{number}.py": "x\n"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    git = GitHistory.new(tmp_path / "work")
    git.change({"pkg/a.py": "a\n" * 40})
    with Store(tmp_path / "data") as store:
        yield Project(git, tmp_path, store)


def test_what_is_decided_stays_decided(project: Project) -> None:
    project.merge_pull(2, adds_test(2))
    project.merge_pull(3, {"pkg/b.py": "x\n"})
    project.mirror()
    assert project.decide() == {"": 1, "no-tests": 1}
    assert project.decide() == {}


def test_every_decision_is_logged_with_its_reason(
    project: Project, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("curate"), "propagate", True)
    caplog.set_level(logging.DEBUG, "curate.crawl")
    project.merge_pull(2, adds_test(2))
    project.merge_pull(3, {"pkg/b.py": "x\n"})
    project.mirror()
    project.decide()
    logged = [record.getMessage() for record in caplog.records]
    assert [line for line in logged if line.startswith("o/r#")] == [
        "o/r#2: candidate",
        "o/r#3: no-tests",
    ]


def test_other_path_rules_decide_again(project: Project) -> None:
    project.merge_pull(2, {"pkg/a.py": "x\n", "checks/b.txt": "x\n"})
    project.merge_pull(3, adds_test(3))
    project.mirror()
    assert project.decide() == {"no-tests": 1, "": 1}
    assert project.decide(FileClassifier(tests=("checks/",))) == {"": 2}
    first = project.made()[0]
    assert b"checks/b.txt" in first.test_patch and b"checks" not in first.patch
    assert project.decide(FileClassifier(sources=("tests/",))) == {"no-tests": 2}
    assert project.made() == []


def test_another_way_to_name_versions_decides_again(project: Project) -> None:
    project.merge_pull(2, adds_test(2))
    project.mirror()
    project.decide()

    class Fixed:
        rule = "fixed"

        def __call__(self, commit: str) -> str:
            return "9.9"

        def list_versions(self) -> frozenset[str]:
            return frozenset({"9.9"})

    with open_mirror(project.folder / "mirror") as mirror:
        decide_pulls(
            REPO,
            project.store,
            PullSource(mirror=mirror, classifier=FileClassifier(), version_resolver=Fixed()),
            RemoteLookups(resolve_issues=_issues),
        )
    assert [it.version for it in project.made()] == ["9.9"]


def test_commits_that_were_missing_and_are_there_decide_again(project: Project) -> None:
    project.mirror()
    project.merge_pull(2, adds_test(2))
    assert project.decide() == {"missing-objects": 1}
    assert project.decide() == {}
    project.mirror()
    assert project.decide() == {"": 1}


def test_a_base_that_was_missing_and_is_there_decides_again(project: Project) -> None:
    fork = project.git.head()
    project.git.branch("lost")
    lost = project.git.change({"pkg/elsewhere.py": "x\n"})
    project.git.checkout("main")
    project.git.git("update-ref", "refs/heads/lost", fork)
    project.merge_pull(2, adds_test(2), base_commit=lost)
    project.mirror()
    project.decide()
    assert [(it.base_commit_rule, it.base_commit) for it in project.made()] == [("derived", fork)]
    project.git.git("update-ref", "refs/heads/lost", lost)
    project.mirror()
    assert project.decide() == {"": 1}
    assert [(it.base_commit_rule, it.base_commit) for it in project.made()] == [("base-ref", lost)]


def test_one_missing_blob_costs_one_pull_until_it_is_there(project: Project) -> None:
    for number in (2, 3, 4):
        project.merge_pull(number, adds_test(number) | {f"pkg/n{number}.py": f"{number}\n"})
    path = project.mirror()
    blob = project.git.git("rev-parse", f"{project.pulls[1].head_commit}:pkg/n3.py")
    data = _lose(path, blob)
    assert project.decide() == {"": 2, "missing-objects": 1}
    rejection = project.store.get_rejection(REPO, 3)
    assert rejection is not None and blob in rejection.detail
    assert project.decide() == {}
    _git(path, "hash-object", "-w", "--stdin", stdin=data)
    assert project.decide() == {"": 1}
    assert [it.pull_number for it in project.made()] == [2, 3, 4]


@pytest.mark.parametrize("step", ["collect_issue_links", "make_issue_texts", "split_gold_and_test"])
def test_a_bug_costs_one_pull_until_the_next_crawl(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    monkeypatch.setattr(logging.getLogger("curate"), "propagate", True)
    caplog.set_level(logging.DEBUG, "curate")
    for number in (2, 3, 4):
        project.merge_pull(number, adds_test(number))
    project.mirror()
    right, calls = getattr(candidates, step), []

    def fail_second(*arguments: Any, **keywords: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise ValueError("odd")
        return right(*arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(candidates, step, fail_second)
        assert project.decide() == {"": 2, "unexpected-error": 1}
    rejection = project.store.get_rejection(REPO, 3)
    assert rejection is not None and "ValueError: odd" in rejection.detail
    assert any("o/r#3" in it.getMessage() for it in caplog.records if it.levelname == "ERROR")
    assert "Traceback" in caplog.text
    assert project.decide() == {"": 1}
    assert [it.pull_number for it in project.made()] == [2, 3, 4]


def test_a_kill_loses_its_chunk_and_nothing_else(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2, 12):
        project.merge_pull(number, adds_test(number))
    project.mirror()
    monkeypatch.setattr(stage, "CHUNK_SIZE", 3)
    with pytest.raises(KeyboardInterrupt):
        project.decide(progress=_killed_at(8))
    assert [it.pull_number for it in project.made()] == [2, 3, 4, 5, 6, 7]
    assert project.store.list_funnels()[0].undecided == 4
    assert project.decide() == {"": 4}
    assert [it.pull_number for it in project.made()] == list(range(2, 12))


def _killed_at(when: int) -> Callable[[str, int, int], None]:
    def progress(phase: str, done: int, total: int) -> None:
        if (phase, done) == ("decisions", when):
            raise KeyboardInterrupt

    return progress


def test_a_renamed_file_is_a_rename_but_not_across_the_two_patches(project: Project) -> None:
    text = "".join(f"line {n}\n" for n in range(30))
    project.git.change({"pkg/one.py": text, "pkg/two.py": text.upper()})
    files = {"pkg/one.py": None, "pkg/uno.py": text, "pkg/a.py": "b\n", "tests/x.txt": "x\n"}
    project.merge_pull(2, files)
    project.merge_pull(3, {"pkg/two.py": None, "tests/two.py": text.upper(), "pkg/a.py": "c\n"})
    project.mirror()
    project.decide()
    kept, cut = project.made()
    assert b"rename from pkg/one.py\nrename to pkg/uno.py\n" in kept.patch
    assert b"rename" not in cut.patch + cut.test_patch
    assert b"deleted file mode" in cut.patch and b"pkg/two.py" not in cut.test_patch
    for made in (kept, cut):
        project.git.git("checkout", "--quiet", "--detach", made.base_commit)
        project.git.git("apply", "--index", "-", stdin=made.patch)
        project.git.git("apply", "--index", "-", stdin=made.test_patch)
        tree = project.git.git("rev-parse", f"{made.head_commit}^{{tree}}")
        assert project.git.git("write-tree") == tree


def test_a_revert_marks_both_sides_even_when_it_comes_later(project: Project) -> None:
    first = project.merge_pull(2, adds_test(2), title="Do it")
    project.mirror()
    project.decide()
    assert [it.reverted_by for it in project.made()] == [()]
    title = 'Revert "Do it"'
    when = first.merged_at + timedelta(days=1)
    project.merge_pull(5, adds_test(5), title=title, body="Reverts o/r#2, fixes #1", merged_at=when)
    project.mirror()
    assert project.decide() == {"": 2}
    assert [(it.reverts, it.reverted_by) for it in project.made()] == [((), (5,)), ((2,), ())]


def test_a_pull_merged_to_a_release_branch(project: Project) -> None:
    project.git.git("tag", "v2.0")
    project.git.branch("2.x")
    base = project.git.change({"pkg/old.py": "x\n"})
    project.git.branch("feature")
    head = project.git.change(adds_test(2))
    project.git.checkout("2.x")
    merged = project.git.merge("feature")
    project.git.checkout("main")
    project.git.change({"pkg/a.py": "quite other\n"})
    facts = {"base_ref": "2.x", "base_commit": base, "head_commit": head, "merge_commit": merged}
    project.store.save_page(REPO, [make_pull(2, body="Fixes #1", **facts)], CrawlState())
    project.mirror()
    assert project.decide() == {"": 1}
    (made,) = project.made()
    assert (made.base_commit, made.version) == (base, "2.0")
    assert b"pkg/a.py" not in made.patch


@pytest.mark.parametrize(("most", "expected"), [(4, {"": 1}), (3, {"no-issue": 1})])
def test_a_whole_history_that_comes_in_says_nothing_of_our_issues(
    project: Project, monkeypatch: pytest.MonkeyPatch, most: int, expected: dict[str, int]
) -> None:
    monkeypatch.setattr(candidates, "MAX_LISTED_COMMITS", most)
    base = project.git.head()
    project.git.branch("other-project")
    project.git.change({"other/a.py": "x\n"}, "Fixes #1")
    for number in range(2):
        project.git.change({f"other/{number}.py": "x\n"})
    head = project.git.change(adds_test(2))
    facts = {"base_commit": base, "head_commit": head, "body": ""}
    project.store.save_page(REPO, [make_pull(2, **facts)], CrawlState())
    project.mirror()
    assert project.decide() == expected


def _git(path: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", f"--git-dir={path}", *arguments], input=stdin, capture_output=True, check=True
    )
    return done.stdout


def _lose(path: Path, blob: str) -> bytes:
    """Take one object out of a mirror (unpack all, then delete its file) and return it."""
    data = _git(path, "cat-file", "blob", blob)
    for pack in list((path / "objects" / "pack").glob("*.pack")):
        content = pack.read_bytes()
        for side in (path / "objects" / "pack").glob(pack.stem + ".*"):
            side.chmod(0o600)
            side.unlink()
        _git(path, "unpack-objects", "-q", stdin=content)
    (path / "objects" / blob[:2] / blob[2:]).unlink()
    return data
