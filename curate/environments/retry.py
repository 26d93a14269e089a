"""Repeat what an engine or the network made fail."""

import logging
from collections.abc import Callable
from typing import TypeVar

import tenacity

from curate.builders.errors import SandboxError
from curate.environments.context import ValidationContext

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_ATTEMPTS = 3
RETRY_SECONDS = 2.0  # wait before the second attempt; doubles with each further one


def retry_sandbox_errors(ctx: ValidationContext, work: Callable[[], T]) -> T:
    """Return the result of *work*, tried a few times if it raises SandboxError."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(SandboxError),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(MAX_ATTEMPTS),
            tenacity.stop_when_event_set(ctx.stop_event),
        ),
        wait=tenacity.wait_exponential(multiplier=RETRY_SECONDS),
        sleep=tenacity.sleep_using_event(ctx.stop_event),
        before_sleep=tenacity.before_sleep_log(log, logging.DEBUG),
        reraise=True,
    )
    return retrying(work)
