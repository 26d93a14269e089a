"""How a run is judged by what it left, where what it left was meant to mislead."""

from dataclasses import replace

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus
from curate.builders.sandbox.docker import parse_resource_usage
from curate.builders.sandbox.result import RunArtifacts, classify_run
from curate.builders.sandbox.run_script import EXIT_NO_CHECKOUT, EXIT_PATCH_FAILED
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


def test_what_a_run_wrote_comes_before_the_time_it_took() -> None:
    assert classify_run(replace(WHOLE_RUN, out_of_disk=True)).status is RunStatus.OUT_OF_DISK
    both = replace(WHOLE_RUN, out_of_disk=True, out_of_memory=True)
    assert classify_run(both).status is RunStatus.OUT_OF_MEMORY


def test_accounts_are_read_as_far_as_they_are_numbers() -> None:
    text = (
        b"usage_usec 12\noom_kill 1\noom_kill_disable x\nuser_usec " + b"9" * 5000 + b"\n\xb2 2\n"
    )
    found = parse_resource_usage(text)
    assert found["usage_usec"] == 12 and found["oom_kill"] == 1
    assert "user_usec" not in found and "oom_kill_disable" not in found
