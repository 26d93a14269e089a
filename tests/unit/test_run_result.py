"""How a run is judged by what it left, where what it left was meant to mislead."""

from dataclasses import replace

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus
from curate.builders.pytest_plugin.run_status import EXIT_NO_CHECKOUT, EXIT_PATCH_FAILED
from curate.builders.sandbox.resource_usage import find_reached_limit, parse_resource_usage
from curate.builders.sandbox.result import RunArtifacts, classify_run
from tests.unit.test_report import KEY, WHOLE

NOTHING_BEGAN = RunArtifacts(
    key=KEY,
    exit_code=0,
    timed_out=False,
    patched=False,
    key_was_left=True,
    report=None,
    seconds=1.0,
    cpu_seconds=1.0,
    output=b"",
)
WHOLE_RUN = replace(NOTHING_BEGAN, patched=True, key_was_left=False, report=WHOLE)


def test_a_whole_run() -> None:
    assert classify_run(WHOLE_RUN).status is RunStatus.COMPLETED


def test_the_scripts_own_ends() -> None:
    failed = classify_run(replace(NOTHING_BEGAN, exit_code=EXIT_PATCH_FAILED + 1))
    assert failed.status is RunStatus.PATCH_FAILED and "patch 2" in failed.detail
    with pytest.raises(SandboxError):
        classify_run(replace(NOTHING_BEGAN, exit_code=EXIT_NO_CHECKOUT))


@pytest.mark.parametrize("code", [EXIT_NO_CHECKOUT, EXIT_PATCH_FAILED])
@pytest.mark.parametrize(
    ("report", "key_left", "status"),
    [
        (WHOLE, False, RunStatus.COMPLETED),
        (None, False, RunStatus.TAMPERED),
        (b"anything\n", True, RunStatus.TAMPERED),
    ],
)
def test_exit_codes_of_the_script_are_void_once_pytest_ran(
    code: int, report: bytes | None, key_left: bool, status: RunStatus
) -> None:
    misled = replace(NOTHING_BEGAN, exit_code=code, report=report, key_was_left=key_left)
    assert classify_run(misled).status is status


@pytest.mark.parametrize(
    "limit", [RunStatus.OUT_OF_MEMORY, RunStatus.OUT_OF_PIDS, RunStatus.OUT_OF_DISK]
)
def test_a_limit_of_the_run_comes_before_the_time_it_took(limit: RunStatus) -> None:
    result = classify_run(replace(WHOLE_RUN, reached_limit=limit, timed_out=True))
    assert result.status is limit and result.detail


@pytest.mark.parametrize(
    ("usage", "limit"),
    [
        ({"oom_kill": 0, "oom": 0, "pids_max": 0}, None),
        ({"oom_kill": 2, "oom": 1, "pids_max": 0}, RunStatus.OUT_OF_MEMORY),  # cgroup v2
        ({"oom_kill": 2, "max_usage": 99, "memory_limit": 99}, RunStatus.OUT_OF_MEMORY),  # v1
        ({"oom_kill": 0, "max_usage": 99, "memory_limit": 99}, None),  # the cache was reclaimed
        ({"oom_kill": 0, "pids_max": 70}, RunStatus.OUT_OF_PIDS),
        ({"oom_kill": 1, "oom": 3, "pids_max": 70}, RunStatus.OUT_OF_MEMORY),
    ],
)
def test_limits_that_a_run_reaches_are_its_own(
    usage: dict[str, int], limit: RunStatus | None
) -> None:
    assert find_reached_limit(usage, engine_saw_oom=False) is limit


def test_the_engine_tells_of_a_limit_of_cgroup_v1() -> None:
    usage = {"oom_kill": 1, "max_usage": 50, "memory_limit": 99}
    assert find_reached_limit(usage, engine_saw_oom=True) is RunStatus.OUT_OF_MEMORY


def test_without_statistics_the_engine_tells_of_memory() -> None:
    assert find_reached_limit({}, engine_saw_oom=True) is RunStatus.OUT_OF_MEMORY
    assert find_reached_limit({}, engine_saw_oom=False) is None


@pytest.mark.parametrize(
    ("usage", "engine_saw_oom"),
    [({"oom": 0}, True), ({"max_usage": 50, "memory_limit": 99}, False)],
)
def test_a_machine_that_is_short_of_memory_is_no_verdict(
    usage: dict[str, int], engine_saw_oom: bool
) -> None:
    with pytest.raises(SandboxError, match="machine ran out of memory"):
        find_reached_limit({"oom_kill": 1, **usage}, engine_saw_oom=engine_saw_oom)


def test_accounts_are_read_as_far_as_they_are_numbers() -> None:
    text = (
        b"usage_usec 12\noom_kill 1\noom_kill_disable x\nuser_usec " + b"9" * 5000 + b"\n\xb2 2\n"
    )
    found = parse_resource_usage(text)
    assert found["usage_usec"] == 12 and found["oom_kill"] == 1
    assert "user_usec" not in found and "oom_kill_disable" not in found
