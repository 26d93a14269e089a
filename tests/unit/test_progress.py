"""Progress: plain lines where there is no terminal, lines that fit on one where there is."""

import io
import threading

import pytest
from rich.console import Console

from curate.cli.progress import Progress, ProgressDisplay, format_rate
from curate.cli.validation_progress import MAX_REASONS, ValidationProgress


def test_without_a_terminal_a_plain_line_is_printed_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = threading.Event()

    def describe() -> Progress:
        asked.set()
        return Progress(lines=("owner__name-1: [building] environment", ""), done=3, total=9)

    with ProgressDisplay(describe, interval=0.01):
        assert asked.wait(20)
    line = capsys.readouterr().err.splitlines()[0]
    assert line.startswith("3/9, 0:00:00 elapsed, 0:00:00 left · ")
    assert line.endswith(" · owner__name-1: [building] environment")
    assert line.isprintable()


def test_a_validation_says_what_is_built_and_why_candidates_were_rejected() -> None:
    shown = ValidationProgress(9)
    shown.on_step("o__r-1", "building environment")
    shown.on_step("o__r-2", "pre-patch run 1/3")
    shown.on_step("o__r-1", "post-patch run 1/3")
    assert shown.describe().lines[0] == "o__r-1: post-patch run 1/3 (and 1 more)"
    shown.on_done("o__r-1", "verified")
    shown.on_done("o__r-2", "validate/flaky-tests")
    shown.on_done("o__r-3", "validate/flaky-tests")
    progress = shown.describe()
    assert (progress.done, progress.total) == (3, 9)
    assert list(progress.lines) == ["", "1 verified, 2 validate/flaky-tests"]
    for number in range(MAX_REASONS + 2):
        shown.on_done("o__r-4", f"stage/reason-{number}")
    assert shown.describe().lines[1].endswith(", 3 others")


def test_on_a_terminal_no_line_is_wider_than_it() -> None:
    progress = Progress(lines=("o__r-1: " + "long " * 40,), done=1234, total=66_894)
    out = io.StringIO()
    display = ProgressDisplay(lambda: progress)
    Console(file=out, width=80, force_terminal=True, color_system=None).print(display._render())
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 80 for line in lines)
    assert "1,234/66,894, " in lines[0]
    assert " elapsed" in lines[0]


@pytest.mark.parametrize(
    ("per_second", "text"), [(2.0, "2/s"), (0.5, "30/min"), (1 / 60, "1/min"), (1 / 120, "30.0/h")]
)
def test_rates_have_the_unit_that_suits_them(per_second: float, text: str) -> None:
    assert format_rate(per_second) == text
