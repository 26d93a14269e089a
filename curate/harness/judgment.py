"""What a run says of a patch: the rule that the grader and verifiers in an image share.

Standalone, for Python 3.6 and later; statuses are the values of `RunStatus`, reasons those of
`GradeReason`.
"""

from typing import Any

REASON_BY_STATUS = {
    "completed": "tests-failed",
    "crashed": "crashed",
    "timeout": "timeout",
    "out-of-memory": "out-of-resources",
    "out-of-pids": "out-of-resources",
    "out-of-disk": "out-of-resources",
    "tampered": "tampered",
}


def list_failed(outcomes: Any, *lists: Any) -> Any:
    """Return the tests of *lists* that did not pass.

    Only "passed" counts: a test can be made to skip, or to fail as expected, from the code it
    tests.
    """
    return [name for names in lists for name in names if outcomes.get(name) != "passed"]


def find_reason(status: str, detail: str, failed: Any) -> str:
    """Return why a patch is not resolved, or "resolved"; *failed* has the tests that did not pass.

    As in a validation, outcomes of completed and crashed runs count.
    """
    if status == "patch-failed":
        is_candidate = detail.startswith("patch 1 ")
        return "does-not-apply" if is_candidate else "test-patch-does-not-apply"
    counts = status in ("completed", "crashed")
    return "resolved" if counts and not failed else REASON_BY_STATUS[status]


def describe_grade(status: str, detail: str, failed: Any, output: bytes) -> str:
    """Return one line, for people, beside the reason."""
    if status == "patch-failed":
        lines = output.decode("utf-8", "replace").strip().splitlines()
        return (lines or [""])[0][:300]
    if status == "completed" and failed:
        more = f" and {len(failed) - 3:,} more" if len(failed) > 3 else ""
        return "not passed: " + ", ".join(failed[:3]) + more
    return detail
