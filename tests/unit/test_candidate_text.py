"""What a person reads of a candidate; texts of others are data and do not steer the terminal."""

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from curate.cli.candidate_text import MAX_LINES, CandidateDetails, print_candidate
from curate.cli.console import WholeLineConsole
from curate.core.model import Validation
from tests.helpers.factories import MOMENT, make_candidate, make_pull, make_validation
from tests.helpers.fakes import not_none


def printed(
    full: bool = False, width: int = 80, validation: Validation | None = None, **changes: Any
) -> str:
    out = io.StringIO()
    known = CandidateDetails(
        pull=make_pull(7, title="Bad \x1b[31mred"),
        rejection=None,
        candidate=make_candidate(**changes),
        validation=validation or make_validation(),
    )
    print_candidate(WholeLineConsole(file=out, width=width), known, full=full)
    return out.getvalue()


def test_issue_tests_and_patches_come_first_and_whole() -> None:
    text = printed()
    parts = ["It breaks.", "t.py::a[x y]", "  -1\n  +2\n", "  +ü\n", "flaky t.py::d"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_control_characters_are_shown_and_not_obeyed() -> None:
    text = printed(problem_statement="\x1b]0;title\x07 \x9b2J \x7f\tend")
    assert not set(text) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}
    assert "␛]0;title␇ �2J ␡" in text


def test_how_old_the_packages_are_is_said() -> None:
    environment = not_none(make_validation().environment)
    line = "packages as of 2022-03-04, "
    for days, told in ((0, "docker"), (1, "1 day before 2022-03-05"), (59, "59 days before 2022")):
        dated = replace(environment, date=environment.exclude_newer + timedelta(days=days))
        assert line + told in printed(validation=make_validation(environment=dated))
    assert line + "docker" in printed()


def test_what_edits_cost_is_said() -> None:
    assert "left out" not in printed()
    text = printed(statement_edited_after=MOMENT, omitted_hints=2)
    assert "issue edited 2022-03-04, after the PR was opened" in text
    assert "2 comments left out: edited after the first commit" in text


@pytest.mark.parametrize("full", [False, True])
def test_long_texts_are_cut_unless_all_is_asked_for(full: bool) -> None:
    text = printed(full, problem_statement="\n".join(f"line {n}" for n in range(MAX_LINES + 2)))
    assert (f"line {MAX_LINES + 1}" in text) == full
    assert ("2 more lines: --full" in text) != full


def test_no_id_is_cut_at_the_end_of_a_line() -> None:
    name = "x" * 300
    assert name in printed(problem_statement=name)
