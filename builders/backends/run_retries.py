"""Runs that are repeated when the sandbox fails."""

import logging
from collections.abc import Callable

from curate.builders.backends.protocol import Backend
from curate.builders.errors import BuilderError, SandboxError
from curate.builders.model import BuiltInstance, RunResult, RunSpec

log = logging.getLogger(__name__)

MAX_TRIES = 3


def run_with_retries(
    backend: Backend,
    built: BuiltInstance,
    spec: RunSpec,
    check_cancelled: Callable[[], None] = lambda: None,
) -> RunResult:
    """Run the tests; retry a few times if the sandbox fails or the run is interrupted.

    If every attempt is interrupted, the tests are the cause, not a restarted engine; the last
    result is returned. *check_cancelled* is called before each attempt, and may raise an error.
    Raises BuilderError if the sandbox keeps failing.
    """
    last_error: BuilderError = SandboxError("No test run was started.")
    for retries_left in reversed(range(MAX_TRIES)):
        check_cancelled()
        try:
            result = backend.run_tests(built, spec)
        except SandboxError as error:
            log.debug("the sandbox failed: %s", error)
            last_error = error
        else:
            if not result.was_interrupted or not retries_left:
                return result
    raise last_error
