"""Logging of a command: messages on stderr, and everything in a file beside the store."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from curate.cli.common import err_console
from curate.cli.suggestions import complete_commands

PACKAGES = ("curate", "uvicorn")
KEPT_FILES = 200  # log files; older ones are removed when a new one is made

_STYLES = {
    "VERIFIED": "green",
    "REJECTED": "red",
    "ERROR": "yellow",
    "Warning:": "yellow",
}


class ConsoleHandler(logging.Handler):
    """Prints messages on the console that progress bars share, whole lines, never wrapped."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, its first word in color where it is a verdict."""
        try:
            prefix = "Warning: " if record.levelno == logging.WARNING else ""
            message = self.format(record)
            if record.levelno >= logging.WARNING:
                message = complete_commands(message)
            text = Text(prefix + message)
            word = text.plain.partition(" ")[0]
            text.stylize(_STYLES.get(word, ""), 0, len(word))
            err_console.print(text, soft_wrap=True)
        except Exception:
            self.handleError(record)


class LogFileHandler(logging.FileHandler):
    """A file that appears with the first record, if there is a data directory by then."""

    def __init__(self, data_dir: Path, command: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = data_dir / "logs" / f"{stamp}-{command or 'curate'}-{os.getpid()}.log"
        super().__init__(self.path.absolute(), encoding="utf-8", delay=True)
        self.setFormatter(_FileFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))

    @property
    def is_written(self) -> bool:
        """Whether anything was logged to the file."""
        return self.stream is not None

    def emit(self, record: logging.LogRecord) -> None:
        """Append one record; nothing where the data directory is missing or cannot be written."""
        if self.stream is None:
            if not self.path.parents[1].is_dir():
                return
            try:
                self.path.parent.mkdir(exist_ok=True)
                remove_old_files(self.path.parent)
                self.stream = self._open()
            except OSError:
                return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """A disk that is full must not stop the work for its log's sake."""


class _FileFormatter(logging.Formatter):
    """Times in UTC to the millisecond."""

    def formatTime(  # noqa: N802 (logging's name)
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """As in `2026-01-31T08:15:00.250Z`."""
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure_logging(data_dir: Path, command: str, *, verbosity: int) -> None:
    """Send what the packages log to the console (*verbosity* -1, 0 or 1) and to a file of its own.

    -1 shows errors alone, 0 results and warnings, 1 every step; the file has every step always.
    """
    console = ConsoleHandler()
    console.setLevel(logging.DEBUG if verbosity > 0 else logging.INFO)
    err_console.quiet = verbosity < 0
    file = LogFileHandler(data_dir, command)
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.handlers = [console, file]


def written_log_file() -> Path | None:
    """The file this process has logged to, if it has."""
    for handler in logging.getLogger(PACKAGES[0]).handlers:
        if isinstance(handler, LogFileHandler) and handler.is_written:
            return handler.path
    return None


def remove_old_files(folder: Path) -> None:
    """Keep the newest `KEPT_FILES` of the log files in *folder*, whose names begin with a time."""
    for old in sorted(folder.glob("*.log"))[: -KEPT_FILES + 1]:
        old.unlink(missing_ok=True)
