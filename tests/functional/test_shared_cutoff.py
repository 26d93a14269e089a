"""The cutoff of a shared lock follows from git history: when the requirements became what they are.

Commits of `GitHistory` are an hour apart; its clock starts at the first moment of a period.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.builders.git.tree import GitTree
from curate.environments.shared_cutoff import PERIOD, find_shared_cutoff, start_of_period
from curate.git.first_parents import iter_first_parents
from curate.recipes.schema import RequirementSources
from tests.helpers.git_history import GitHistory

DAY = timedelta(days=1)
START = start_of_period(datetime(2021, 1, 1, tzinfo=UTC))
FILES = RequirementSources(files=("requirements*.txt", "more/*.txt"))


@pytest.fixture
def history(tmp_path: Path) -> GitHistory:
    """A repository whose first commit is long before the period that begins at START."""
    git = GitHistory.new(tmp_path / "work")
    git.clock = int((START - 100 * DAY).timestamp())
    git.commit("Root", setup_py="setup(install_requires=['a'])", **{"a.txt": "x"})
    git.clock = int(START.timestamp())
    return git


def cutoff(
    git: GitHistory,
    commit: str,
    *,
    days: float = 30,
    sources: RequirementSources = FILES,
) -> datetime:
    """Cutoff of a candidate based on *commit*, *days* after the start of the period."""
    mirror = git.path / ".git"
    with GitTree(mirror, commit) as tree:
        return find_shared_cutoff(mirror, tree, sources, START + days * DAY)


def date_of(git: GitHistory, commit: str) -> datetime:
    return datetime.fromtimestamp(int(git.git("log", "-1", "--format=%ct", commit)), UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_periods_are_fixed_and_bound_the_distance(date: datetime) -> None:
    start = start_of_period(date)
    assert timedelta() <= date - start < PERIOD == 60 * DAY
    assert start_of_period(start) == start
    assert start_of_period(start - timedelta(microseconds=1)) == start - PERIOD


def test_requirements_from_before_the_period_share_its_start(history: GitHistory) -> None:
    first, second = history.commit(m_py="1"), history.commit(m_py="2")
    assert cutoff(history, first, days=1) == cutoff(history, second, days=59.9) == START
    assert cutoff(history, second, days=60) == START + PERIOD


def test_requirements_that_change_in_the_period_begin_a_lock_of_their_own(
    history: GitHistory,
) -> None:
    before = history.commit(m_py="1")
    changed = history.commit(setup_py="setup(install_requires=['a>1'])")
    after = history.commit(m_py="2")
    assert cutoff(history, before) == START
    assert cutoff(history, changed) == cutoff(history, after) == date_of(history, changed)
    hours = 3.5 / 24
    assert cutoff(history, changed, days=hours) == date_of(history, changed)


def test_a_file_that_changes_without_its_requirements_changes_nothing(history: GitHistory) -> None:
    changed = history.commit(setup_py="setup(install_requires=['a>1'])")
    history.commit(setup_py="setup(install_requires=['a>1'], version='2')")
    moved = history.change({"setup.cfg": "[flake8]\n", "setup.py": "setup(install_requires='a>1')"})
    assert cutoff(history, moved) == date_of(history, changed)


def test_requirements_that_come_back_are_as_old_as_their_return(history: GitHistory) -> None:
    history.commit(setup_py="setup(install_requires=['a>1'])")
    back = history.commit(setup_py="setup(install_requires=['a'])")
    assert cutoff(history, back) == date_of(history, back)


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "b\n"},
        {"requirements-dev.txt": "b\n"},
        {"more/b.txt": "b\n"},
        {"pyproject.toml": "[project]\nname = 'x'\ndependencies = ['b']\n"},
    ],
)
def test_files_that_come_and_go_count_with_all_that_they_name(
    history: GitHistory, files: dict[str, str]
) -> None:
    history.change({"other.txt": "c\n"})
    added = history.change(files)
    later = history.change({"other.txt": "d\n", "more/a.md": "x"})
    assert cutoff(history, later) == date_of(history, added)
    gone = history.change(dict.fromkeys(files))
    assert cutoff(history, gone) == date_of(history, gone)


def test_files_that_are_included_count(history: GitHistory) -> None:
    history.change({"requirements.txt": "-r deep/base.txt\n", "deep/base.txt": "b\n"})
    changed = history.change({"deep/base.txt": "b>1\n"})
    later = history.change({"deep/other.txt": "c\n"})
    assert cutoff(history, later) == date_of(history, changed)


def test_a_merge_brings_requirements_on_its_date(history: GitHistory) -> None:
    history.branch("topic")
    on_topic = history.commit(setup_py="setup(install_requires=['a>1'])")
    history.checkout("main")
    before = history.commit(m_py="1")
    merged = history.merge("topic")
    after = history.commit(m_py="2")
    assert cutoff(history, before) == START
    assert cutoff(history, on_topic) == date_of(history, on_topic)
    assert cutoff(history, after) == cutoff(history, merged) == date_of(history, merged)


def test_a_merge_of_main_into_a_branch_brings_them_there(history: GitHistory) -> None:
    history.branch("topic")
    history.commit(m_py="1")
    history.checkout("main")
    on_main = history.commit(setup_py="setup(install_requires=['a>1'])")
    history.checkout("topic")
    merged = history.merge("main")
    assert cutoff(history, merged) == date_of(history, merged)
    assert cutoff(history, on_main) == date_of(history, on_main)


def test_a_release_branch_keeps_its_own_requirements(history: GitHistory) -> None:
    history.branch("1.x")
    history.commit(m_py="1")
    history.checkout("main")
    history.commit(setup_py="setup(install_requires=['a>1'])")
    history.checkout("1.x")
    assert cutoff(history, history.commit(m_py="2")) == START


def test_what_only_the_recipe_declares_begins_no_lock_of_its_own(history: GitHistory) -> None:
    sources = RequirementSources(add=("b<2", "-c c<3"))
    assert cutoff(history, history.commit(m_py="1"), sources=sources) == START


def test_a_clock_that_is_wrong_gives_no_cutoff_after_the_date(history: GitHistory) -> None:
    changed = history.commit(setup_py="setup(install_requires=['a>1'])")
    assert cutoff(history, changed, days=0.01) == START + 0.01 * DAY


def test_a_repository_that_is_younger_than_the_period(tmp_path: Path) -> None:
    git = GitHistory.new(tmp_path / "new")
    git.clock = int(START.timestamp())
    root = git.commit(setup_py="setup(install_requires=['a'])")
    assert cutoff(git, git.commit(m_py="1")) == date_of(git, root)


def test_a_shallow_mirror_has_requirements_since_its_oldest_commit(
    history: GitHistory, tmp_path: Path
) -> None:
    oldest, last = history.commit(m_py="1"), history.commit(m_py="2")
    shallow = tmp_path / "shallow"
    history.git("clone", "--quiet", "--depth=2", f"file://{history.path}", str(shallow))
    assert cutoff(GitHistory(shallow), last) == date_of(history, oldest)
    assert cutoff(history, last) == START


def test_odd_names_are_read_as_they_are(history: GitHistory) -> None:
    odd = history.change({"a b\tc\nd.txt": "1", "é.txt": "2"})
    (first, *_) = iter_first_parents(history.path / ".git", odd, START)
    assert (first.commit, first.parent) == (odd, history.git("rev-parse", "HEAD^"))
    assert {it.path for it in first.changes} == {"a b\tc\nd.txt", "é.txt"}
