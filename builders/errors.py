"""Infrastructure that fails: never a verdict about a candidate."""


class BuilderError(Exception):
    """Something outside the candidate failed; `hint` says what the user can do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class EngineUnavailableError(BuilderError):
    """No container engine answers, or it cannot build."""


class DiskFullError(BuilderError):
    """Too little free space to go on safely; `missing_bytes` bytes, where that is known."""

    def __init__(self, message: str, *, hint: str = "", missing_bytes: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.missing_bytes = missing_bytes


class SandboxError(BuilderError):
    """A sandbox could not be made, fed or read; the run says nothing about the candidate."""
