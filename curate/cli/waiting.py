"""What a crawl shows while it runs: phases, cost, and countdowns of waits."""

import logging
from datetime import datetime, timedelta

from curate.cli.progress import LINE_INTERVAL, Progress, ProgressDisplay
from curate.github.client import GitHubClient
from curate.github.retry import RetryPolicy

log = logging.getLogger(__name__)


class CrawlProgress:
    """Progress of a crawl on stderr; a longer wait is also logged.

    `update_phase` is a crawl's progress callback, `show_wait` the client's.
    """

    def __init__(self, *, interval: float = LINE_INTERVAL) -> None:
        self._display = ProgressDisplay(self.describe, interval=interval)
        self._repo = ""
        self._phase, self._done, self._total = "", 0, 0
        self._wait = ""
        self._candidates = 0
        self._until = datetime.min
        self._client: GitHubClient | None = None
        self._requests = 0

    def __enter__(self) -> "CrawlProgress":
        self._display.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._display.__exit__(*exc)

    def make_retry_policy(self) -> RetryPolicy:
        """How to wait, with a countdown."""
        return RetryPolicy(on_wait=self.show_wait)

    def print_warning(self, text: str) -> None:
        """Log a warning of the client."""
        log.warning("%s", text)

    def start_repository(self, repo: str, client: GitHubClient) -> None:
        """Show the next repository."""
        self._repo, self._client, self._candidates = repo, client, 0
        self._phase, self._done, self._total, self._wait = "", 0, 0, ""
        self._requests = client.requests

    def update_phase(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase is."""
        if phase == "candidates":
            self._candidates = done
            return
        self._phase, self._done, self._total, self._wait = phase, done, total, ""

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
        self._wait = f"waiting {_format_minutes(seconds)} ({reason}); Ctrl-C loses nothing"

    def describe(self) -> Progress:
        """What is shown at this moment."""
        where = f"{self._repo}: {self._wait or self._phase or 'mirror'}" if self._repo else ""
        lines = (where, self._cost_text())
        return Progress(lines=lines, done=self._done, total=self._total or None)

    def _cost_text(self) -> str:
        client = self._client
        asked = client.requests - self._requests if client else 0
        left = f"{client.remaining:,}" if client and client.remaining is not None else "?"
        return f"{self._candidates:,} candidates · {asked:,} requests · {left} points left"


def _format_minutes(seconds: float) -> str:
    whole = max(int(seconds + 0.5), 0)
    return f"{whole // 60}:{whole % 60:02d}"
