"""A crawl that ends at a deadline: between pages, between chunks of decisions, before a wait."""

import time
from collections.abc import Callable

from curate.core.errors import CurateError
from curate.crawl.decide import CHUNK_SIZE
from curate.crawl.fetch import ProgressCallback


class CrawlStoppedError(CurateError):
    """The time limit ended a crawl; what it has stored is kept, and the next one continues."""

    def __init__(self) -> None:
        super().__init__("The time limit ended the crawl.", hint="The next call continues it.")


def stop_at_deadline(deadline: float | None, progress: ProgressCallback) -> ProgressCallback:
    """Return *progress*, which raises CrawlStoppedError after *deadline* where nothing is lost.

    *deadline* is in the time of `time.monotonic`; None = no limit. Pages are stored before they are
    reported; decisions are stored in chunks, so a crawl ends at the first one of a chunk.
    """

    def report(phase: str, done: int, total: int) -> None:
        progress(phase, done, total)
        is_between = phase == "pulls" or (phase == "decisions" and done % CHUNK_SIZE == 1)
        if is_between and deadline is not None and time.monotonic() >= deadline:
            raise CrawlStoppedError

    return report


def stop_before_wait(
    get_deadline: Callable[[], float | None], on_wait: Callable[[float, str], None]
) -> Callable[[float, str], None]:
    """Return *on_wait*, which raises CrawlStoppedError if a wait would end after the deadline."""

    def report(seconds: float, reason: str) -> None:
        on_wait(seconds, reason)
        deadline = get_deadline()
        if deadline is not None and time.monotonic() + seconds > deadline:
            raise CrawlStoppedError

    return report
