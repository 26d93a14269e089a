"""Classify a run by the artifacts that it left; sandboxes do not do this themselves."""

from dataclasses import dataclass

from curate.builders.errors import SandboxError
from curate.builders.model import RunResult, RunStatus
from curate.builders.pytest_plugin import PytestReport, read_report
from curate.builders.pytest_plugin.run_status import (
    EXIT_NO_CHECKOUT,
    describe_failed_patch,
    describe_timeout,
    find_failed_patch,
    find_status,
    has_begun,
    read_prepared,
)
from curate.builders.sandbox.run_script import OUTPUT_CUT

MAX_REPORT_BYTES = 256 << 20  # a longer report is ignored
MAX_PREPARED_BYTES = 16 << 20

_LIMIT_DETAILS = {
    RunStatus.OUT_OF_MEMORY: "the run reached its memory limit (limits.memory_gib of the recipe)",
    RunStatus.OUT_OF_PIDS: "the run reached its limit of processes (limits.pids of the recipe)",
    RunStatus.OUT_OF_DISK: "stopped for exceeding the disk limit",
}


@dataclass(frozen=True, kw_only=True)
class RunArtifacts:
    """What was found after a run; only the signed report is trusted."""

    key: bytes
    exit_code: int | None
    timed_out: bool
    reached_limit: RunStatus | None = None  # a status of _LIMIT_DETAILS
    patched: bool  # the marker that all patches applied exists; tests can remove it
    prepared: bytes | None = None  # signed report of the preparation
    key_was_left: bool  # no pytest session has read the key
    report: bytes | None  # None = missing or too long
    seconds: float
    cpu_seconds: float
    output: bytes
    note: str = ""  # appended to the detail of the result
    was_interrupted: bool = False  # the script that runs the tests did not finish


def join_output(head: bytes, tail: bytes, tail_limit: int) -> bytes:
    """Join head and tail of an output, with a mark in between if the tail reached its limit."""
    return head + (OUTPUT_CUT if len(tail) >= tail_limit else b"") + tail


def classify_run(artifacts: RunArtifacts) -> RunResult:
    """Return the result of a run: its status and the outcomes of its tests.

    Raises:
        SandboxError: The sandbox has no checkout.
    """
    if not _test_command_started(artifacts) and artifacts.exit_code == EXIT_NO_CHECKOUT:
        raise SandboxError(
            "the sandbox has no checkout that tests can run in", hint=_decode_tail(artifacts.output)
        )
    report = read_report(artifacts.report or b"", artifacts.key)
    status, detail = _determine_status(artifacts, report)
    return RunResult(
        status=status,
        outcomes={} if status is RunStatus.TAMPERED else report.outcomes,
        exit_code=artifacts.exit_code,
        seconds=artifacts.seconds,
        cpu_seconds=artifacts.cpu_seconds,
        output=artifacts.output,
        detail="; ".join(
            part for part in (detail, _describe_timeouts(report), artifacts.note) if part
        ),
        slowest_test_seconds=report.slowest_test_seconds,
        was_interrupted=artifacts.was_interrupted,
        recording=report.recording,
        executed=report.executed,
        modules=report.modules,
        variants=report.variants,
        prepared=read_prepared(artifacts.prepared or b"", artifacts.key),
    )


def _test_command_started(artifacts: RunArtifacts) -> bool:
    return has_begun(
        artifacts.report or b"",
        was_patched=artifacts.patched,
        key_was_left=artifacts.key_was_left,
    )


def _determine_status(artifacts: RunArtifacts, report: PytestReport) -> tuple[RunStatus, str]:
    failed_patch = find_failed_patch(artifacts.exit_code)
    if failed_patch is not None and not _test_command_started(artifacts):
        status, detail = describe_failed_patch(failed_patch)
    elif artifacts.reached_limit:
        status, detail = artifacts.reached_limit, _LIMIT_DETAILS[artifacts.reached_limit]
    elif artifacts.timed_out:
        status, detail = describe_timeout()
    else:
        status, detail = find_status(
            artifacts.exit_code,
            artifacts.report or b"",
            key_was_left=artifacts.key_was_left,
            is_finished=report.is_finished,
            tampering=report.tampering,
        )
    return RunStatus(status), detail


def _describe_timeouts(report: PytestReport) -> str:
    """Name the tests that exceeded their time limit; "" if there are none."""
    names = report.timed_out_tests
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"exceeded the time limit of a test: {', '.join(names[:3])}{more}"


def _decode_tail(output: bytes) -> str:
    return output[-500:].decode("utf-8", "replace").strip()
