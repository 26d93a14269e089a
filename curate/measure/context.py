"""What measuring an instance needs besides the task."""

from collections.abc import Callable
from dataclasses import dataclass

from curate.builders.backends.protocol import Backend


@dataclass(frozen=True, kw_only=True)
class MeasuringContext:
    """Sandbox and files, and whom to tell what."""

    backend: Backend
    read_old: Callable[[str], bytes | None]  # a file of the base commit; None if there is none
    is_source: Callable[[str], bool]
    check_cancelled: Callable[[], None] = lambda: None
    report_step: Callable[[str], None] = lambda step: None
    save_blob: Callable[[bytes], str]  # returns the key
