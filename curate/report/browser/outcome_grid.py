"""Outcomes of tests by run: which tests a page shows, and how many it leaves out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curate.builders.model import Outcome
from curate.core.model import Run, Validation
from curate.report.browser.text import show_controls
from curate.store.stored_logs import SIDE_NAMES

MAX_ROWS = 200
MAX_OF_KIND = {"PASS_TO_PASS": 40, "other": 40}  # rows that say the least
_ORDER = ("FAIL_TO_PASS", "flaky", "other", "PASS_TO_PASS")
_LETTERS = {
    Outcome.PASSED: "P",
    Outcome.FAILED: "F",
    Outcome.ERROR: "E",
    Outcome.SKIPPED: "S",
    Outcome.XFAILED: "xf",
    Outcome.XPASSED: "xp",
    Outcome.MISSING: "–",
}
LEGEND = tuple((letter, str(outcome)) for outcome, letter in _LETTERS.items())


@dataclass(frozen=True, kw_only=True)
class GridColumn:
    """A run."""

    side: str  # "pre-patch" | "post-patch"
    number: int  # from 1
    status: str
    counts: str  # as in "12 passed, 1 failed"
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """A test: its node id, its list, and (letter, outcome) of each run."""

    test: str
    kind: str  # "FAIL_TO_PASS" | "PASS_TO_PASS" | "flaky" | "other"
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class OutcomeGrid:
    """The tests that are shown, in order of what they say, and a count of those that are not."""

    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]
    left_out: tuple[tuple[str, int], ...]  # (kind, count)
    total: int


def make_outcome_grid(validation: Validation) -> OutcomeGrid:
    """Return the grid of all runs of *validation*."""
    kinds = _find_kinds(validation)
    runs = sorted(validation.runs, key=lambda run: (run.side != "before", run.index))
    chosen = list(_choose_tests(kinds))
    counts = Counter(kinds.values())
    shown = Counter(kinds[test] for test in chosen)
    return OutcomeGrid(
        columns=tuple(map(_make_column, runs)),
        rows=tuple(_make_row(test, kinds[test], runs) for test in chosen),
        left_out=tuple(
            (kind, counts[kind] - shown[kind]) for kind in _ORDER if counts[kind] > shown[kind]
        ),
        total=len(kinds),
    )


def _find_kinds(validation: Validation) -> dict[str, str]:
    verdict = validation.verdict
    kinds = dict.fromkeys((test for run in validation.runs for test in run.outcomes), "other")
    for kind, tests in (
        ("PASS_TO_PASS", verdict.pass_to_pass),
        ("FAIL_TO_PASS", verdict.fail_to_pass),
        ("flaky", verdict.flaky_tests),
    ):
        kinds |= dict.fromkeys(tests, kind)
    return kinds


def _choose_tests(kinds: dict[str, str]) -> Iterator[str]:
    room = MAX_ROWS
    for kind in _ORDER:
        tests = sorted(test for test, its in kinds.items() if its == kind)
        tests = tests[: min(room, MAX_OF_KIND.get(kind, room))]
        room -= len(tests)
        yield from tests


def _make_column(run: Run) -> GridColumn:
    counts = Counter(run.outcomes.values()).most_common()
    return GridColumn(
        side=SIDE_NAMES[run.side],
        number=run.index + 1,
        status=run.status,
        counts=", ".join(f"{count:,} {outcome}" for outcome, count in counts),
        seconds=run.seconds,
        cpu_seconds=run.cpu_seconds,
    )


def _make_row(test: str, kind: str, runs: Sequence[Run]) -> GridRow:
    outcomes = (run.outcomes.get(test, Outcome.MISSING) for run in runs)
    cells = tuple((_LETTERS[outcome], str(outcome)) for outcome in outcomes)
    return GridRow(test=show_controls(test)[:500], kind=kind, cells=cells)
