"""Infrastructure errors; none of them is a verdict about a candidate."""

from collections.abc import Sequence
from pathlib import Path


class BuilderError(Exception):
    """An infrastructure error; `hint` says what the user can do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class EngineUnavailableError(BuilderError):
    """No container engine responds, or the one that does cannot build images."""


class DiskFullError(BuilderError):
    """There is too little free disk space; `missing_bytes` is the shortfall, 0 if unknown."""

    def __init__(self, message: str, *, hint: str = "", missing_bytes: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.missing_bytes = missing_bytes


class SandboxError(BuilderError):
    """A sandbox could not be created, started or read, which is no fault of the candidate."""


class MissingObjectsError(BuilderError):
    """A git repository lacks objects of a commit: it is a partial or shallow clone, or damaged."""

    def __init__(self, mirror: Path, commit: str, missing: Sequence[str]) -> None:
        count = f"{len(missing):,} objects" if len(missing) > 1 else "an object"
        lacks = "it" if commit in missing else f"{count} of it, e.g. {', '.join(missing[:3])}"
        super().__init__(
            f"missing-objects: commit {commit}: {mirror} lacks {lacks}.",
            hint="Update the mirror, or clone it again completely: without --filter and --depth.",
        )
