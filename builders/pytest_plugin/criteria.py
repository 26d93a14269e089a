"""SWE-bench's criteria for statuses of tests.

Part of evaluation scripts, too: standalone, for Python 3.6 and later (PYTEST_DONT_REWRITE).
"""

from typing import Any

FIXED = frozenset({"PASSED", "XFAIL"})  # of FAIL_TO_PASS
KEPT = frozenset({"PASSED", "XFAIL", "SKIPPED"})  # of PASS_TO_PASS


def find_unresolved(statuses: Any, fail_to_pass: Any, pass_to_pass: Any) -> Any:
    """Return what keeps a run from being resolved, as `id: status`; [] = it is resolved.

    *statuses* are those of all tests by id; the other two are lists of ids.
    """
    groups = ((fail_to_pass, FIXED), (pass_to_pass, KEPT))
    return [
        "{}: {}".format(name, statuses.get(name, "missing"))
        for names, accepted in groups
        for name in names
        if statuses.get(name) not in accepted
    ]


def hides_failure(statuses: Any, exit_code: int) -> bool:
    """Whether a command failed although no test did, so that its statuses are not all there is."""
    return exit_code != 0 and not {"FAILED", "ERROR"} & set(statuses.values())
