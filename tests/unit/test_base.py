from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.git.base import BASE_REF, MERGE_BASE, MERGE_COMMIT, diff_pair, settled
from curate.git.mirror import Mirror, open_mirror
from curate.model import PullRequest
from tests.unit.history import GitHistory
from tests.unit.things import pull


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
    pair = diff_pair(made.mirror.history, request_of(made, base=made.ahead))
    assert pair is not None
    assert (pair.base, pair.old, pair.new, pair.rule) == (
        made.ahead,
        made.fork,
        made.head,
        BASE_REF,
    )
    assert len(pair.commits) == 2
    assert pair.commits[0] == made.head


def test_base_that_is_gone(made: Made) -> None:
    pair = diff_pair(made.mirror.history, request_of(made, base="f" * 40))
    assert pair is not None
    assert (pair.base, pair.old, pair.rule) == (made.fork, made.fork, MERGE_BASE)


def test_base_that_holds_the_head_already(made: Made) -> None:
    pair = diff_pair(made.mirror.history, request_of(made, base=made.merged))
    assert pair is not None
    assert (pair.base, pair.rule) == (made.fork, MERGE_BASE)


def test_head_that_is_gone(made: Made) -> None:
    pair = diff_pair(made.mirror.history, request_of(made, base=made.ahead, head="f" * 40))
    assert pair is not None
    assert (pair.base, pair.new, pair.rule) == (made.ahead, made.merged, MERGE_COMMIT)


def test_nothing_is_there(made: Made) -> None:
    lost = pull(1, base_oid="f" * 40, head_oid="e" * 40, merge_oid="d" * 40)
    assert diff_pair(made.mirror.history, lost) is None
    assert diff_pair(made.mirror.history, pull(1, merge_oid=None)) is None


@pytest.mark.parametrize(("at", "rule"), [("ahead", BASE_REF), ("clash", MERGE_BASE)])
def test_base_where_the_patch_does_not_apply(made: Made, at: str, rule: str) -> None:
    pair = diff_pair(made.mirror.history, request_of(made, base=getattr(made, at)))
    assert pair is not None
    changes = made.mirror.diffs.files(pair.old, pair.new)
    patch = made.mirror.diffs.patch(pair.old, pair.new)
    found = settled(made.mirror, pair, changes, patch)
    assert found.rule == rule
    assert found.base == (made.fork if rule == MERGE_BASE else made.ahead)


def test_a_touched_file_that_moved_elsewhere_still_applies(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    lines = [f"{n}\n" for n in range(40)]
    git.commit(a_py="".join(lines))
    git.branch("feature")
    head = git.commit(a_py="".join([*lines[:-1], "end\n"]))
    git.checkout("main")
    base = git.commit(a_py="".join(["start\n", *lines[1:]]))
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        pair = diff_pair(mirror.history, pull(1, base_oid=base, head_oid=head))
        assert pair is not None
        patch = mirror.diffs.patch(pair.old, pair.new)
        assert settled(mirror, pair, mirror.diffs.files(pair.old, pair.new), patch).base == base


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
                fork = mirror.history.fork(ours, theirs)
                assert fork is not None
                assert fork.base == git.git("merge-base", ours, theirs)
                assert set(fork.commits) == set(git.git("rev-list", f"{ours}..{theirs}").split())


def test_unrelated_histories_have_no_fork(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "work")
    first = git.commit("root", a_py="x")
    git.git("checkout", "--quiet", "--orphan", "other")
    second = git.commit("another root", a_py="y")
    with open_mirror(git.mirror(tmp_path / "mirror")) as mirror:
        assert mirror.history.fork(first, second) is None


def request_of(made: Made, *, base: str, head: str | None = None) -> PullRequest:
    return pull(1, base_oid=base, head_oid=head or made.head, merge_oid=made.merged)
