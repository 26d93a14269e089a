"""Read what a container's script copied from its cgroup: CPU time, and limits that were reached."""

import re
from collections.abc import Mapping

from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus

_TIME = re.compile(r"([0-9]{1,9})m([0-9]{1,2}\.[0-9]{3})s")  # as bash's `times` prints it


def parse_resource_usage(text: bytes) -> dict[str, int]:
    """Parse the cgroup statistics that the script copied, one `name value` per line.

    What bash's `times` printed is `shell_usec`. They are not trusted, as a test can replace the
    file: then they can reject the candidate, but verify nothing.
    """
    lines = text.decode("ascii", "replace").splitlines()
    usage = {
        pair[0]: int(pair[1])
        for pair in map(str.split, lines)
        if len(pair) == 2 and re.fullmatch("[0-9]{1,18}", pair[1])
    }
    times = [found for line in lines for found in _TIME.findall(line)]
    microseconds = sum(int(minutes) * 60e6 + float(seconds) * 1e6 for minutes, seconds in times)
    return usage | ({"shell_usec": int(microseconds)} if times else {})


def find_reached_limit(usage: Mapping[str, int], *, engine_saw_oom: bool) -> RunStatus | None:
    """Return the status of a run that reached its own limit of memory or processes, else None.

    Processes are also killed if the whole machine is short of memory. Only a container that reached
    its own limit counts `oom` (cgroup v2), or has used as much as it may (v1; *engine_saw_oom*
    means the same). Only the engine tells if there are no statistics, as the script was killed.

    Raises:
        SandboxError: The machine ran out of memory.
    """
    if usage.get("oom_kill", 0) > 0 or (engine_saw_oom and usage.keys() <= {"shell_usec"}):
        if "oom" in usage:
            is_own_limit = usage["oom"] > 0
        else:
            is_own_limit = engine_saw_oom or usage.get("max_usage", 0) >= usage.get(
                "memory_limit", 0
            )
        if is_own_limit:
            return RunStatus.OUT_OF_MEMORY
        raise SandboxError(
            "the machine ran out of memory during a test run",
            hint="Lower -j, or end other programs; the run was below its own limit.",
        )
    return RunStatus.OUT_OF_PIDS if usage.get("pids_max", 0) > 0 else None


def cpu_seconds_used(usage: Mapping[str, int]) -> float:
    """Return the CPU time by cgroup v2, or v1 (some kernels report both), or else by the shell."""
    by_cgroup = usage.get("usage_usec", 0) / 1e6 or usage.get("nanoseconds", 0) / 1e9
    return by_cgroup or usage.get("shell_usec", 0) / 1e6
