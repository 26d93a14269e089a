"""Consoles that print whole lines: what is read by a program is neither wrapped nor cut."""

import os
from typing import Any

from rich.console import Console, ConsoleDimensions

UNLIMITED_WIDTH = 1_000_000


class WholeLineConsole(Console):
    """A console as wide as the terminal; where there is none, wider than any line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, **options)

    @property  # type: ignore[misc]  # nobody sets it
    def size(self) -> ConsoleDimensions:
        """Width and height in characters."""
        if self.is_on_terminal:
            return super().size
        return ConsoleDimensions(UNLIMITED_WIDTH, super().size.height)

    @property
    def is_on_terminal(self) -> bool:
        """Whether a person sees the output, also if a variable asks for colors elsewhere."""
        try:
            return self.file.isatty()
        except (AttributeError, ValueError):  # not a file, or closed
            return False

    def on_broken_pipe(self) -> None:
        """Raise for stdout, which ends the command; go on without stderr, the log file has it."""
        if not self.stderr:
            raise  # noqa: PLE0704 (rich calls this while it handles the error)
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
