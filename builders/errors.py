"""Infrastructure errors; none of them is a verdict about a candidate."""


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
