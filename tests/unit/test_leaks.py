"""What the texts of an instance give away, and which instances tell each other's answer."""

from dataclasses import replace
from typing import Any

import pytest

from curate.core.model import Candidate, IssueLink
from curate.publish.measures.solution_leaks import distinctive_line, find_leaks
from tests.helpers.factories import make_candidate
from tests.helpers.releases import compute_leak_groups

HEAD = "1234567890abcdef" * 2 + "12345678"
FIX = ("if value is None:", "raise ValueError(f'no value for {name}')", "else:")


def diff(*lines: str, path: str = "m.py") -> bytes:
    """A patch of one hunk; *lines* with their marks."""
    text = "".join(f"{line}\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    return f"{head}@@ -1,9 +1,9 @@\n{text}".encode()


def one(statement: str = "It breaks.", hints: str = "", **changes: Any) -> Candidate:
    patch = diff(" old", *(f"+    {line}" for line in FIX))
    plain = make_candidate(
        problem_statement=statement, hints_text=hints, head_commit=HEAD, patch=patch
    )
    return replace(plain, **changes)


@pytest.mark.parametrize("line", ["pass", "else:", "import os", "return None", "))", "x = y = z"])
def test_lines_that_say_too_little(line: str) -> None:
    assert not distinctive_line(line.encode())


def test_blanks_do_not_matter() -> None:
    assert distinctive_line(b"    return  a + bb * ccc \t") == b"return a + bb * ccc"


@pytest.mark.parametrize(
    ("statement", "found", "share"),
    [
        ("It breaks.", (), 0),
        (FIX[0], ("gold-lines",), 0.5),
        (f"try `{FIX[0]}`\n\n    else: {FIX[1]}", ("gold-lines",), 1),
        ("> + raise  ValueError(f'no value\n>  for {name}')", ("gold-lines",), 0.5),
        (f"x{FIX[0]}", (), 0),
        (f"fixed by {HEAD[:7]}", ("commit",), 0),
        (f"fixed by {HEAD[:6]}", (), 0),
        (f"fixed by {HEAD[1:9]}", (), 0),
        ("fixed by 0ddba11", ("commit",), 0),
        ("see #7", ("pull",), 0),
        ("see #70, #17, gh-7a", (), 0),
        ("see Owner/Name#7", ("pull",), 0),
        ("see other/name#7", (), 0),
        ("https://github.com/owner/name/pull/7/files", ("pull",), 0),
        ("https://github.com/other/name/pull/7", (), 0),
    ],
)
def test_what_a_statement_gives_away(statement: str, found: tuple[str, ...], share: float) -> None:
    told = find_leaks(one(statement), commits=["0ddba11" + "0" * 33])
    assert told.kinds == tuple(f"{kind} in problem_statement" for kind in found)
    assert told.leaked_fraction == share


def test_hints_leak_apart_and_do_not_count_in_the_share() -> None:
    told = find_leaks(one(hints=f"{FIX[0]} #7 {HEAD}"))
    assert told.kinds == tuple(f"{kind} in hints_text" for kind in ("gold-lines", "commit", "pull"))
    assert told.leaked_fraction == 0


def test_what_a_patch_moves_or_shows_is_no_answer() -> None:
    moved = diff(f"-{FIX[0]}", f"+    {FIX[0]}", f" {FIX[1]}", f"+{FIX[1]}", "+pass")
    assert find_leaks(one("\n".join(FIX), patch=moved)).leaked_fraction is None
    documents = diff(*(f"+{line}" for line in FIX), path="docs/m.rst")
    assert find_leaks(one("\n".join(FIX), patch=documents)).kinds == ()


LONG = [f"result = combine(left, right, number_{n})" for n in range(6)]


def task(
    number: int, *lines: str, repo: str = "owner/name", issue: int | None = None, **changes: Any
) -> Candidate:
    return make_candidate(
        instance_id=f"{repo.replace('/', '__')}-{number}",
        repo=repo,
        pull_number=number,
        patch=diff(*(lines or [f"+unique_{number}(a, b)"])),
        issue_links=(IssueLink(repo=repo, number=issue or 1000 + number, sources=("body",)),),
        **changes,
    )


def groups(*tasks: Candidate) -> dict[str, int]:
    """Groups of *tasks* as numbers of pulls."""
    found = compute_leak_groups(tasks)
    return {name.rpartition("-")[2]: int(group.rpartition("-")[2]) for name, group in found.items()}


def test_strangers_have_groups_of_their_own() -> None:
    assert groups(task(1), task(2)) == {"1": 1, "2": 2}


def test_closing_the_same_issue() -> None:
    assert groups(task(3, issue=9), task(2, issue=9), task(4)) == {"3": 2, "2": 2, "4": 4}


def test_reverted_and_merged_again_over_a_pull_that_is_no_candidate() -> None:
    first, again = task(5, reverted_by=(6,)), task(8, reverts=(6,))
    assert groups(again, first) == {"5": 5, "8": 5}


def test_the_same_change_in_a_fork_at_another_place() -> None:
    here = task(5, "+a = 1", "-a = 2")
    there = task(3, " context", "+a  = 1", "-a = 2", repo="fork/name")
    assert groups(here, there) == {"5": 3, "3": 3}


def test_a_shared_hunk_of_some_size() -> None:
    whole, part = [f"+{line}" for line in LONG], [f"+  {line}" for line in LONG[:4]]
    other = diff("+something(else_, there)", path="n.py").decode()
    more = replace(task(2, *whole), patch=task(2, *whole).patch + other.encode())
    assert groups(task(1, *whole), more) == {"1": 1, "2": 1}
    assert groups(task(1, *part), replace(more, patch=diff(*part) + other.encode())) == {
        "1": 1,
        "2": 2,
    }


@pytest.mark.parametrize(("seen", "tied"), [(6, True), (5, True), (4, False)])
def test_a_patch_that_shows_another(seen: int, tied: bool) -> None:
    fix = task(1, *(f"+{line}" for line in LONG))
    later = task(2, *(f" {line}" for line in LONG[:seen]), "+and_now(more, of_it)")
    assert groups(fix, later) == {"1": 1, "2": 1 if tied else 2}
    elsewhere = replace(later, repo="other/name")
    assert set(groups(fix, elsewhere).values()) == {1, 2}


def test_small_patches_are_not_taken_for_shown() -> None:
    assert groups(task(1, "+" + LONG[0]), task(2, " " + LONG[0], "+and_now(more, of_it)")) == {
        "1": 1,
        "2": 2,
    }


def test_a_pull_that_gathers_others_ties_nobody() -> None:
    links = tuple(
        IssueLink(repo="owner/name", number=n, sources=("commit",)) for n in range(1001, 1007)
    )
    release = replace(task(9), issue_links=links)
    assert groups(task(1), task(2), release) == {"1": 1, "2": 2}
    assert groups(task(1), task(2), replace(release, issue_links=links[:5])) == {
        "1": 1,
        "2": 1,
        "9": 1,
    }


def test_groups_do_not_depend_on_the_order() -> None:
    tasks = [task(1), task(2, issue=7), task(3, issue=7, reverts=(1,)), task(4)]
    assert groups(*tasks) == groups(*reversed(tasks)) == {"1": 1, "2": 1, "3": 1, "4": 4}
