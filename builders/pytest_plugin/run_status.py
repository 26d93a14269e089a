"""How a run ended, told by what it left; only the signed report is trusted.

The one implementation: the host uses it, and verifiers that run in an image. Standalone, for
Python 3.6 and later; statuses are the values of `RunStatus`.
"""

import hashlib
import hmac
from typing import Any

# Exit codes of the script that runs the tests, before they begin.
EXIT_NO_CHECKOUT = 89
EXIT_PATCH_FAILED = 90  # + index of the patch, at most 99
EXIT_TIMEOUT = 124  # of a session that exceeded its time to start, as of the command `timeout`


def has_begun(report: bytes, *, was_patched: bool, key_was_left: bool) -> bool:
    """Whether the test command started; from then on an exit code is not one of the script.

    *was_patched*: the marker that all patches applied is there; tests can remove it.
    *key_was_left*: no pytest session has read the key.
    """
    return was_patched or not key_was_left or bool(report)


def find_status(
    exit_code: Any, report: bytes, *, key_was_left: bool, is_finished: bool, tampering: str
) -> Any:
    """Return status and detail of a run that has begun and was not stopped from outside.

    *is_finished* and *tampering* are what the signatures of *report* say.
    """
    if tampering:
        return "tampered", tampering
    if key_was_left and not report:
        return "crashed", f"no pytest session started (exit code {exit_code})"
    if not report:
        return "tampered", "a pytest session started, but its report is missing"
    if is_finished:
        return "completed", ""
    if exit_code == EXIT_TIMEOUT:
        return "timeout", "the pytest session hung before its first test"
    return "crashed", f"the pytest session did not finish (exit code {exit_code})"


def find_failed_patch(exit_code: Any) -> Any:
    """Return the number of the patch that did not apply, from 1; None if all did."""
    is_patch = exit_code is not None and EXIT_PATCH_FAILED <= exit_code <= 99
    return exit_code - EXIT_PATCH_FAILED + 1 if is_patch else None


def describe_failed_patch(number: int) -> Any:
    """Return status and detail of a run that ended because a patch did not apply."""
    return "patch-failed", f"patch {number} does not apply"


def describe_timeout() -> Any:
    """Return status and detail of a run that was stopped at its time limit."""
    return "timeout", "stopped at the time limit"


def read_prepared(prepared: bytes, key: bytes) -> str:
    """Return the report of the preparation; "" if there is none, or tests have changed it."""
    signature, _, text = prepared.partition(b" ")
    mac = hmac.new(key, text, hashlib.sha256).hexdigest().encode("ascii")
    return text.decode("ascii") if hmac.compare_digest(signature, mac) else ""
