"""Progress of long work on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from curate.cli.common import err_console

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

LINE_INTERVAL = 30.0  # seconds between two lines where there is no terminal
BAR_WIDTH = 24
MIN_BAR_WIDTH = 8  # a shorter one says nothing; numbers come first
_MIN_RATE_SECONDS = 5.0  # a rate of less time than this says nothing


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the work is; *total* is None where nobody knows it."""

    lines: Sequence[str]  # what is under way, the most important first
    done: int = 0
    total: int | None = None


class ProgressDisplay:
    """Shows what *describe* returns, from another thread, while the `with` block runs."""

    def __init__(self, describe: Callable[[], Progress], *, interval: float = LINE_INTERVAL):
        self._describe = describe
        self._interval = interval
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._live: Live | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "ProgressDisplay":
        self._started = time.monotonic()
        self._ended.clear()
        if err_console.is_on_terminal and not err_console.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(
                console=err_console,
                get_renderable=self._render,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._print_lines, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._live:
            self._live.stop()
        if self._thread:
            self._thread.join()
        self._live = self._thread = None

    def _print_lines(self) -> None:
        while not self._ended.wait(self._interval):
            progress = self._describe()
            parts = [self._summarize(progress), *filter(None, progress.lines)]
            err_console.print(" · ".join(parts), markup=False, soft_wrap=True)

    def _render(self) -> "Group":
        """The bar with counts and times, then the lines, each cut at the edge of the terminal."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        progress = self._describe()
        head = Table.grid(padding=(0, 1))
        summary = Text(self._summarize(progress), no_wrap=True, overflow="ellipsis")
        width = min(BAR_WIDTH, err_console.width - summary.cell_len - 1)
        if width >= MIN_BAR_WIDTH:
            bar = ProgressBar(total=progress.total, completed=progress.done, width=width)
            head.add_row(bar, summary)
        else:
            head.add_row(summary)
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in progress.lines if line]
        return Group(head, *lines)

    def _summarize(self, progress: Progress) -> str:
        """As in "12/80, 57/h, 0:12:33 elapsed, 1:11:00 left"."""
        elapsed = time.monotonic() - self._started
        of_total = "" if progress.total is None else f"/{progress.total:,}"
        parts = [f"{progress.done:,}{of_total}"] if of_total or progress.done else []
        if progress.done and elapsed > _MIN_RATE_SECONDS:
            parts.append(format_rate(progress.done / elapsed))
        parts.append(f"{format_duration(elapsed)} elapsed")
        if progress.done and progress.total and progress.total > progress.done:
            left = elapsed / progress.done * (progress.total - progress.done)
            parts.append(f"{format_duration(left)} left")
        return ", ".join(parts)


def show_work(text: str) -> ProgressDisplay:
    """Show that work whose extent nobody knows goes on, for how long, and what it is."""
    return ProgressDisplay(lambda: Progress(lines=(text,)))


@contextmanager
def show_phases() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback for (phase, done, total), whose last arguments are shown; 0 = unknown."""
    now = Progress(lines=())

    def show(phase: str, done: int, total: int) -> None:
        nonlocal now
        now = Progress(lines=(phase,), done=done, total=total or None)

    with ProgressDisplay(lambda: now):
        yield show


def format_duration(seconds: float) -> str:
    """As in `0:01:05`."""
    return str(timedelta(seconds=int(seconds)))


def format_rate(per_second: float) -> str:
    """A rate per second, minute or hour, whichever is at least 1."""
    for factor, unit in ((1, "s"), (60, "min")):
        if per_second * factor >= 1:
            return f"{per_second * factor:.0f}/{unit}"
    return f"{per_second * 3600:.1f}/h"
