"""What a crawl shows while it runs: bars, cost, and countdowns of waits."""

import logging
from datetime import datetime, timedelta

from rich.progress import TaskID

from curate.cli.common import make_progress_bar
from curate.github.client import GitHubClient
from curate.github.retry import RetryPolicy

log = logging.getLogger(__name__)


class CrawlProgress:
    """Bars on stderr; without a terminal, a line for every longer wait.

    `update_phase` is a crawl's progress callback, `show_wait` the client's.
    """

    def __init__(self) -> None:
        self._bars = make_progress_bar()
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._repo = ""
        self._candidates = 0
        self._until = datetime.min
        self._client: GitHubClient | None = None
        self._requests = 0

    def __enter__(self) -> "CrawlProgress":
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def make_retry_policy(self) -> RetryPolicy:
        """How to wait, with a countdown."""
        return RetryPolicy(on_wait=self.show_wait)

    def print_warning(self, text: str) -> None:
        """Log a warning of the client."""
        log.warning("%s", text)

    def start_repository(self, repo: str, client: GitHubClient) -> None:
        """Show the next repository."""
        self._finish()
        self._repo, self._client, self._candidates = repo, client, 0
        self._requests = client.requests

    def update_phase(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase is."""
        if phase == "candidates":
            self._candidates = done
            return
        key = self._repo, phase
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task("")
        text = f"{self._repo}: {phase} · {self._cost_text()}"
        self._bars.update(self._tasks[key], completed=done, total=total, description=text)

    def show_wait(self, seconds: float, reason: str) -> None:
        """Count down; a new wait of 5 seconds or more is also logged."""
        now = datetime.now()
        until = now + timedelta(seconds=seconds)
        if seconds >= 5 and until > self._until + timedelta(seconds=2):
            self._until = until
            log.info(
                "Waiting %s for GitHub (%s), until %s",
                _format_minutes(seconds),
                reason,
                f"{until:%H:%M:%S}",
            )
        text = f"{self._repo}: waiting {_format_minutes(seconds)} ({reason}); Ctrl-C loses nothing"
        for task in self._unfinished_tasks() or [self._wait_task()]:
            self._bars.update(task, description=text)

    def _cost_text(self) -> str:
        client = self._client
        asked = client.requests - self._requests if client else 0
        left = f"{client.remaining:,}" if client and client.remaining is not None else "?"
        return f"{self._candidates:,} candidates · {asked:,} requests · {left} points left"

    def _unfinished_tasks(self) -> list[TaskID]:
        running = [task for task in self._bars.tasks if not task.finished]
        return [task.id for task in running[-1:]]

    def _wait_task(self) -> TaskID:
        return self._tasks.setdefault((self._repo, "PRs"), self._bars.add_task("", total=None))

    def _finish(self) -> None:
        for task in self._tasks.values():
            self._bars.remove_task(task)
        self._tasks.clear()


def _format_minutes(seconds: float) -> str:
    whole = max(int(seconds + 0.5), 0)
    return f"{whole // 60}:{whole % 60:02d}"
