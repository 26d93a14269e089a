"""Errors of the API: one form of reply, and what each is here and in the client."""

import logging
from dataclasses import dataclass
from enum import StrEnum

from curate.builders.errors import (
    BuilderError,
    DiskFullError,
    EngineUnavailableError,
    SandboxError,
)
from curate.core.errors import (
    AuthenticationError,
    ConfigurationError,
    CurateError,
    NetworkError,
    NotFoundError,
    describe_error,
)

log = logging.getLogger(__name__)


class ErrorKind(StrEnum):
    """What went wrong, for programs."""

    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not-found"
    NOT_ALLOWED = "method-not-allowed"
    BUSY = "busy"
    CONFLICT = "conflict"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    SANDBOX = "sandbox"
    ENGINE = "engine"
    DISK_FULL = "disk-full"
    UNAVAILABLE = "unavailable"
    BUG = "bug"


class BusyError(CurateError):
    """Another request uses the environment."""


class LimitReachedError(CurateError):
    """The server has as many environments, or patches to grade, as it allows."""


class ServerError(CurateError):
    """A bug in the server; its log has the traceback."""


@dataclass(frozen=True, kw_only=True)
class ErrorClass:
    """How a kind of error is sent, and raised by the client."""

    status: int
    raised: type[CurateError] | type[BuilderError]


ERRORS = {
    ErrorKind.INVALID: ErrorClass(status=400, raised=ConfigurationError),
    ErrorKind.UNAUTHORIZED: ErrorClass(status=401, raised=AuthenticationError),
    ErrorKind.NOT_FOUND: ErrorClass(status=404, raised=NotFoundError),
    ErrorKind.NOT_ALLOWED: ErrorClass(status=405, raised=ConfigurationError),
    ErrorKind.BUSY: ErrorClass(status=409, raised=BusyError),
    ErrorKind.CONFLICT: ErrorClass(status=409, raised=ConfigurationError),
    ErrorKind.TOO_LARGE: ErrorClass(status=413, raised=ConfigurationError),
    ErrorKind.TOO_MANY: ErrorClass(status=429, raised=LimitReachedError),
    ErrorKind.SANDBOX: ErrorClass(status=503, raised=SandboxError),
    ErrorKind.ENGINE: ErrorClass(status=503, raised=EngineUnavailableError),
    ErrorKind.DISK_FULL: ErrorClass(status=503, raised=DiskFullError),
    ErrorKind.UNAVAILABLE: ErrorClass(status=503, raised=NetworkError),
    ErrorKind.BUG: ErrorClass(status=500, raised=ServerError),
}


class ApiError(Exception):
    """An error that is sent to the client."""

    def __init__(
        self, kind: ErrorKind, message: str, *, hint: str = "", status: int | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.hint = kind, hint
        self.status = ERRORS[kind].status if status is None else status


def translate_error(error: BaseException, *, in_episode: bool = False) -> ApiError:
    """Return what is sent for *error*; a bug is logged.

    *in_episode*: of a method of an environment, whose arguments were checked before, so that what
    it refuses does not fit the state of the episode.
    """
    description = describe_error(error)
    if description is None:
        log.error("A request failed: unexpected %s", type(error).__name__, exc_info=error)
        return make_bug_error()
    message, hint, _ = description
    if isinstance(error, ConfigurationError):
        kind = ErrorKind.CONFLICT if in_episode else ErrorKind.INVALID
    elif isinstance(error, NotFoundError):
        kind = ErrorKind.NOT_FOUND
    else:
        kind = _find_machine_kind(error)
        log.warning("a request failed: %s", message)
    return ApiError(kind, message, hint=hint)


def make_bug_error() -> ApiError:
    """Return what is sent for a bug."""
    return ApiError(
        ErrorKind.BUG, "Unexpected error.", hint="The log of the server has the traceback."
    )


def _find_machine_kind(error: BaseException) -> ErrorKind:
    if isinstance(error, DiskFullError):
        return ErrorKind.DISK_FULL
    if isinstance(error, EngineUnavailableError):
        return ErrorKind.ENGINE
    return ErrorKind.SANDBOX if isinstance(error, BuilderError) else ErrorKind.UNAVAILABLE
