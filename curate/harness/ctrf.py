"""A report of tests in the Common Test Report Format.

Part of `verify_task.py`: stands alone, Python 3.6 and later.
"""

from typing import Any

_STATUS = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "skipped"}
_STATUSES = ("passed", "failed", "skipped", "pending", "other")


def make_ctrf_report(outcomes: Any, records: Any, missing: Any, times: Any) -> Any:
    """Return the report of *outcomes* by node id.

    *records* are those of the reporter, *missing* ids of tests without an outcome, *times* begin
    and end, in seconds since 1970.
    """
    seconds = {}  # type: Any
    for record in records:
        if record["event"] == "phase":
            seconds[record["id"]] = seconds.get(record["id"], 0.0) + record.get("seconds", 0.0)
    tests = [
        {
            "name": name,
            "status": _STATUS.get(outcome, "other"),
            "duration": round(1000 * seconds.get(name, 0.0)),
            "rawStatus": outcome,
        }
        for name, outcome in sorted(outcomes.items())
    ]
    tests += [
        {"name": name, "status": "failed", "duration": 0, "rawStatus": "missing"}
        for name in missing
    ]
    counts = {name: sum(test["status"] == name for test in tests) for name in _STATUSES}
    begin, end = (round(1000 * moment) for moment in times)
    return {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": {"name": "pytest"},
            "summary": dict(counts, tests=len(tests), start=begin, stop=end),
            "tests": tests,
        },
    }
