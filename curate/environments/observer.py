"""Who is told how a batch of instances gets on."""

from dataclasses import dataclass
from typing import Protocol


class BatchObserver(Protocol):
    """Receives the progress of validations or gradings; called from several threads."""

    def on_step(self, instance_id: str, step: str) -> None:
        """Called when a step of an instance begins."""

    def on_done(self, instance_id: str, result: str) -> None:
        """Called with "verified", "stage/reason" or the reason of a grade.

        It is "error" after an infrastructure error.
        """


@dataclass(frozen=True)
class SilentObserver:
    """An observer that ignores all calls."""

    def on_step(self, instance_id: str, step: str) -> None:
        """Do nothing."""

    def on_done(self, instance_id: str, result: str) -> None:
        """Do nothing."""
