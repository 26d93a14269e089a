from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.core.model import PullRequest
from curate.crawl.base_commit import (
    RULE_BASE_REF,
    RULE_DERIVED,
    RULE_MERGE_COMMIT,
    PatchRange,
    applies_trivially,
    find_patch_range,
)
from curate.git.mirror import Mirror, open_mirror
from tests.helpers.factories import make_pull
from tests.helpers.git_history import GitHistory


@dataclass
class Made:
    """A fork, a base that went on, a head that merged the base once, and the merge."""

    fork: str
    ahead: str
    clash: str
    head: str
    merged: str
    mirror: Mirror


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("base")
    git = GitHistory.new(folder / "work")
    fork = git.commit(a_py="one\n" * 9, b_py="b\n")
    git.branch("feature")
    git.commit("first", a_py="one\n" * 9 + "two\n")
    head = git.commit("second", tests__test_a_py="t\n")
    git.checkout("main")
    ahead = git.commit("elsewhere", b_py="c\n")
    merged = git.merge("feature")
    git.branch("clash", fork)
    clash = git.commit("clash", a_py="three\n")
    git.checkout("main")
    git.pull_ref(1, head)
    return Made(fork, ahead, clash, head, merged, open_mirror(git.mirror(folder / "mirror")))


def test_base_is_base_ref_and_the_diff_is_three_dots(made: Made) -> None:
    pair = find_patch_range(made.mirror.commit_graph, request_of(made, base=made.ahead))
    assert pair is not None
    assert (pair.base_commit, pair.old_commit, pair.new_commit, pair.base_commit_rule) == (
        made.ahead,
        made.fork,
        made.head,
        RULE_BASE_REF,
    )
    assert len(pair.commits) == 2
    assert pair.commits[0] == made.head


def test_base_that_is_gone(made: Made) -> None:
    pair = find_patch_range(made.mirror.commit_graph, request_of(made, base="f" * 40))
    assert pair is not None
    assert (pair.base_commit, pair.old_commit, pair.base_commit_rule) == (
        made.fork,
        made.fork,
        RULE_DERIVED,
    )


def test_base_that_holds_the_head_already(made: Made) -> None:
    pair = find_patch_range(made.mirror.commit_graph, request_of(made, base=made.merged))
    assert pair is not None
    assert (pair.base_commit, pair.base_commit_rule) == (made.fork, RULE_DERIVED)


def test_head_that_is_gone(made: Made) -> None:
    pair = find_patch_range(
        made.mirror.commit_graph, request_of(made, base=made.ahead, head="f" * 40)
    )
    assert pair is not None
    assert (pair.base_commit, pair.new_commit, pair.base_commit_rule) == (
        made.ahead,
        made.merged,
        RULE_MERGE_COMMIT,
    )


def test_nothing_is_there(made: Made) -> None:
    lost = make_pull(1, base_commit="f" * 40, head_commit="e" * 40, merge_commit="d" * 40)
    assert find_patch_range(made.mirror.commit_graph, lost) is None
    assert find_patch_range(made.mirror.commit_graph, make_pull(1, merge_commit=None)) is None


def test_base_that_is_gone_is_where_its_branch_was_when_the_pull_was_begun(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    fork = git.commit("root")
    tip = git.commit("before", b_py="b\n")
    git.branch("feature", fork)
    head = git.commit("first", a_py="a\n")
    git.checkout("main")
    git.commit("after", c_py="c\n")
    merged = git.merge("feature")
    lost = make_pull(1, base_commit="f" * 40, head_commit=head, merge_commit=merged)
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        pair = find_patch_range(mirror.commit_graph, lost)
    assert pair is not None
    assert (pair.base_commit, pair.old_commit, pair.base_commit_rule) == (tip, fork, RULE_DERIVED)


def _rebased(git: GitHistory, *subjects: str, seconds: int = 0) -> list[str]:
    """Commits made within *seconds* of each other, as one click makes them."""
    made = []
    for subject in subjects:
        git.clock += seconds - 3600  # `change` adds an hour
        made.append(git.change({f"{subject[:5]}.py": "x\n"}, subject))
    return made


def test_rebased_pull_without_head_is_the_whole_series(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    git.commit("root")
    before = git.commit("Another pull (#1)", z_py="z\n")
    git.clock += 3600
    series = _rebased(git, "one", "two", "three", seconds=1)
    lost = make_pull(2, base_commit="f" * 40, head_commit="e" * 40, merge_commit=series[-1])
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        pair = find_patch_range(mirror.commit_graph, lost)
    assert pair is not None
    assert (pair.base_commit, pair.new_commit, pair.commits) == (
        before,
        series[-1],
        tuple(series[::-1]),
    )


@pytest.mark.parametrize(
    ("subjects", "seconds"),
    [(("one", "two (#7)"), 0), (("one (#6)", "two"), 0), (("one", "two"), 60)],
)
def test_what_is_no_rebased_series(tmp_path: Path, subjects: tuple[str], seconds: int) -> None:
    git = GitHistory.new(tmp_path / "work")
    git.commit("root")
    series = _rebased(git, *subjects, seconds=seconds)
    lost = make_pull(7, base_commit="f" * 40, head_commit="e" * 40, merge_commit=series[-1])
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        pair = find_patch_range(mirror.commit_graph, lost)
    assert pair is not None
    assert (pair.base_commit, pair.commits) == (series[0], (series[1],))


def asked(mirror: Mirror, pair: PatchRange) -> tuple[bool, bool]:
    """Whether every touched file is untouched at the base, and whether git can apply the patch."""
    (changes,) = mirror.diff_reader.read_changed_files([pair.sides])
    (patch,) = mirror.diff_reader.read_patches([pair.sides])
    assert isinstance(changes, tuple) and isinstance(patch, bytes)
    return next(applies_trivially(mirror, [(pair, changes)])), mirror.can_apply(
        pair.base_commit, patch
    )


@pytest.mark.parametrize(("at", "expected"), [("ahead", (True, True)), ("clash", (False, False))])
def test_whether_the_patch_applies_at_the_base(
    made: Made, at: str, expected: tuple[bool, bool]
) -> None:
    pair = find_patch_range(made.mirror.commit_graph, request_of(made, base=getattr(made, at)))
    assert pair is not None
    assert pair.base_commit == getattr(made, at)
    assert asked(made.mirror, pair) == expected


def test_a_touched_file_that_moved_elsewhere_still_applies(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    lines = [f"{n}\n" for n in range(40)]
    git.commit(a_py="".join(lines))
    git.branch("feature")
    head = git.commit(a_py="".join([*lines[:-1], "end\n"]))
    git.checkout("main")
    base = git.commit(a_py="".join(["start\n", *lines[1:]]))
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        pair = find_patch_range(
            mirror.commit_graph, make_pull(1, base_commit=base, head_commit=head)
        )
        assert pair is not None
        assert asked(mirror, pair) == (False, True)


def test_forks_are_those_of_git(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    git.commit("root")
    for n in range(6):  # branches that merge each other: criss-cross
        git.branch(f"b{n}")
        git.commit(f"b{n}", **{f"f{n}_py": "x\n"})
        git.checkout("main")
        git.commit(f"m{n}", **{f"g{n}_py": "x\n"})
        if n % 2:
            git.merge(f"b{n}")
        if n > 2:
            git.checkout(f"b{n - 1}")
            git.merge(f"b{n - 3}")
            git.checkout("main")
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        heads = git.git("for-each-ref", "--format=%(objectname)", "refs/heads").split()
        for ours in heads:
            for theirs in heads:
                fork = mirror.commit_graph.merge_base(ours, theirs)
                assert fork is not None
                assert fork.commit == git.git("merge-base", ours, theirs)
                assert set(fork.ahead) == set(git.git("rev-list", f"{ours}..{theirs}").split())


def test_unrelated_histories_have_no_fork(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    first = git.commit("root", a_py="x")
    git.git("checkout", "--quiet", "--orphan", "other")
    second = git.commit("another root", a_py="y")
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        assert mirror.commit_graph.merge_base(first, second) is None


def request_of(made: Made, *, base: str, head: str | None = None) -> PullRequest:
    return make_pull(1, base_commit=base, head_commit=head or made.head, merge_commit=made.merged)
