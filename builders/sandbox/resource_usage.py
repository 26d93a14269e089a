"""Read what a container's script copied from its cgroup: CPU time, and limits that were reached."""

import re
from collections.abc import Mapping

from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus


def parse_resource_usage(text: bytes) -> dict[str, int]:
    """Parse the cgroup statistics that the script copied, one `name value` per line.

    They are not trusted, as a test can replace the file: then they can reject the candidate, but
    verify nothing.
    """
    pairs = (line.split() for line in text.decode("ascii", "replace").splitlines())
    return {
        pair[0]: int(pair[1])
        for pair in pairs
        if len(pair) == 2 and re.fullmatch("[0-9]{1,18}", pair[1])
    }


def find_reached_limit(usage: Mapping[str, int], *, engine_saw_oom: bool) -> RunStatus | None:
    """Return the status of a run that reached its own limit of memory or processes, else None.

    Processes are also killed if the whole machine is short of memory. Only a container that reached
    its own limit counts `oom` (cgroup v2), or has used as much as it may (v1; *engine_saw_oom*
    means the same). Only the engine tells if there are no statistics, as the script was killed.

    Raises:
        SandboxError: The machine ran out of memory.
    """
    if usage.get("oom_kill", 0) > 0 or (engine_saw_oom and not usage):
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
    """Return the CPU time by cgroup v2, or else by v1; some kernels report both."""
    return usage.get("usage_usec", 0) / 1e6 or usage.get("nanoseconds", 0) / 1e9
