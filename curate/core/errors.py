"""Every error a user can see, with its hint and exit code."""

import errno
import logging
import os

log = logging.getLogger(__name__)

EXIT_CODES = {
    0: "success",
    1: "a check failed",
    2: "invalid input",
    3: "engine or sandbox",
    4: "not found",
    5: "permission denied",
    6: "network",
    7: "store",
    8: "disk full",
    130: "interrupted",
}


class CurateError(Exception):
    """An error the user can act on: one sentence, a hint, an exit code."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigurationError(CurateError):
    """An invalid flag, file or setting."""

    exit_code = 2


class NotFoundError(CurateError):
    """A repository, instance or directory that does not exist."""

    exit_code = 4


class AuthenticationError(CurateError):
    """A token that is missing, invalid or lacks a permission."""

    exit_code = 5


class NetworkError(CurateError):
    """A server that still does not respond, or responds with an error, after all retries."""

    exit_code = 6


class StoreError(CurateError):
    """The data directory cannot be read or written."""

    exit_code = 7


class UnexpectedError(CurateError):
    """A bug in curate that concerns one item of a batch; the others go on."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"unexpected {type(error).__name__}: {error}",
            hint="This is a bug in curate: please report it with the traceback in the log file.",
        )


def report_bug(error: Exception, item: str) -> UnexpectedError:
    """Log *error* of the *item* of a batch, and its traceback for the log file; return it wrapped.

    An error that is no bug but concerns the whole batch is raised again.
    """
    if describe_error(error) is not None:
        raise error
    problem = UnexpectedError(error)
    log.error("ERROR %s: %s. %s", item, problem, problem.hint)
    log.debug("%s: the traceback", item, exc_info=error)
    return problem


def describe_error(error: BaseException) -> tuple[str, str, int] | None:
    """Return (message, hint, exit code) of *error*; None if it is a bug in curate."""
    from curate.builders.errors import BuilderError, DiskFullError
    from curate.builders.git.run import GitCommandError
    from curate.recipes import RecipeError

    if isinstance(error, CurateError):
        return str(error), error.hint, error.exit_code
    if isinstance(error, RecipeError):
        if isinstance(error.__cause__, PermissionError):
            return _describe_os_error(error.__cause__)
        return str(error), error.hint, ConfigurationError.exit_code
    if isinstance(error, DiskFullError):
        return str(error), error.hint, 8
    if isinstance(error, GitCommandError):
        return str(error), error.hint, NotFoundError.exit_code
    if isinstance(error, BuilderError):
        return str(error), error.hint, 3
    if isinstance(error, OSError):
        return _describe_os_error(error)
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop from"):
        hint = "Check where the links lead."  # pathlib has no class of its own for this
        return f"{error}.", hint, ConfigurationError.exit_code
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        message = f"{error.object[:80]!a} is not valid UTF-8."
        return message, "Write names and options in UTF-8.", ConfigurationError.exit_code
    return None


def _describe_os_error(error: OSError) -> tuple[str, str, int] | None:
    """Describe an error of the file system or of a connection; None if it is neither."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full.", "Free some space and run the same command again.", 8
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        if isinstance(error, ConnectionError | TimeoutError):
            return f"{reason}.", "Check the network and try again.", NetworkError.exit_code
        if isinstance(error, FileNotFoundError):  # what a removed working directory raises
            hint = "If the working directory was removed, change to one that exists."
            return f"{reason}.", hint, NotFoundError.exit_code
        return f"{reason}.", "Check the files and options of the command.", 2
    name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "a file"
    message = f"{name}: {reason}."
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return message, "Check who may read and write there.", AuthenticationError.exit_code
    if isinstance(error, FileNotFoundError):
        return message, "Check the path.", NotFoundError.exit_code
    return message, "Check the path.", ConfigurationError.exit_code
