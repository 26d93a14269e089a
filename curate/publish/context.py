"""What makes rows: the store, what mirrors show, and who is told how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.store import Store

if TYPE_CHECKING:
    from curate.publish.measures.codebase import CodebaseReader

ProgressCallback = Callable[[str, int, int], None]
"""Called with (phase, done, total)."""


def ignore_progress(phase: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class PublishContext:
    """What rows are made from."""

    store: Store
    codebases: "CodebaseReader"
    progress: ProgressCallback = ignore_progress
