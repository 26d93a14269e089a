from random import Random

import pytest

from curate.builders.model import Outcome
from curate.core.flakiness import estimate_new_flaky_tests
from curate.core.model import Run
from tests.helpers.fakes import not_none


def after(*rows: str, side: str = "after") -> list[Run]:
    """A run for each text: a letter a test, "p" passes."""
    return [
        Run(
            side=side,
            index=index,
            status="completed",
            outcomes={
                f"t::{place}": Outcome.PASSED if letter == "p" else Outcome.FAILED
                for place, letter in enumerate(row)
                if letter != "-"
            },
        )
        for index, row in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), None),
        (("pppp",), None),
        (("pp", "pp", "pp"), 0),
        (("ff", "ff", "ff"), 0),
        (("pf", "pp", "pp"), 1 / 3),
        (("fpp", "pfp", "ppf"), 1),
        (("f-p", "-fp", "ppf"), 1),
        (("pff", "fff", "fff"), 1 / 3),
        (("pf", "pp"), 1 / 2),
        (("fpp", "fpp", "ppp", "ppp"), 0),
        (("fp", "pp", "pp", "pp"), 1 / 4),
    ],
)
def test_those_that_wavered_once_by_the_runs(
    rows: tuple[str, ...], expected: int | float | None
) -> None:
    assert estimate_new_flaky_tests(after(*rows)) == expected
    assert (
        estimate_new_flaky_tests(after(*rows) + after("fp", "pf", "ff", side="before")) == expected
    )


@pytest.mark.parametrize("failing", [0.001, 0.02, 0.2])
def test_the_estimate_is_about_what_a_further_run_shows(failing: float) -> None:
    random, runs, tests = Random(7), 4, 500
    estimated, shown = 0.0, 0
    for _ in range(200):
        rows = [
            ["f" if random.random() < failing else "p" for _ in range(tests)]
            for _ in range(runs + 1)
        ]
        *seen, further = map("".join, rows)
        estimated += not_none(estimate_new_flaky_tests(after(*seen)))
        steady = [place for place in range(tests) if all(row[place] == "p" for row in seen)]
        shown += sum(further[place] == "f" for place in steady)
    assert 0.8 < estimated / shown < 1.6
