"""From what a sandbox left behind to a result: the only place where a run is judged."""

from dataclasses import dataclass

from builders.errors import SandboxError
from builders.model import RunResult, RunStatus
from builders.pytest_plugin import PytestReport, read_report
from builders.sandbox.run_script import EXIT_NO_CHECKOUT, EXIT_PATCH_FAILED, OUTPUT_CUT

MAX_REPORT_BYTES = 256 << 20  # a longer report is none


@dataclass(frozen=True, kw_only=True)
class RunArtifacts:
    """What was found after a run; nothing of it is believed but the signed report."""

    key: bytes
    exit_code: int | None
    timed_out: bool
    out_of_memory: bool = False
    out_of_disk: bool = False
    patched: bool  # the marker that every patch applied; whoever runs later can remove it
    key_was_left: bool  # no pytest session took the key
    report: bytes | None  # None = no such file, or one too long
    seconds: float
    cpu_seconds: float
    output: bytes
    note: str = ""  # said in the detail of every result
    was_interrupted: bool = False  # the script around the tests did not get to its end


def join_output(head: bytes, tail: bytes, tail_limit: int) -> bytes:
    """Head and tail of an output as one text that shows where it was cut."""
    return head + (OUTPUT_CUT if len(tail) >= tail_limit else b"") + tail


def classify_run(artifacts: RunArtifacts) -> RunResult:
    """Say how the run ended and what its tests did; SandboxError if it never got a checkout."""
    if not _test_command_started(artifacts) and artifacts.exit_code == EXIT_NO_CHECKOUT:
        raise SandboxError(
            "the sandbox has no checkout to run in", hint=_decode_tail(artifacts.output)
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
        detail="; ".join(part for part in (detail, artifacts.note) if part),
        was_interrupted=artifacts.was_interrupted,
    )


def _test_command_started(artifacts: RunArtifacts) -> bool:
    """Whether the test command was reached; from then on the script's own exit codes are void."""
    return artifacts.patched or not artifacts.key_was_left or bool(artifacts.report)


def _determine_status(artifacts: RunArtifacts, report: PytestReport) -> tuple[RunStatus, str]:
    code = artifacts.exit_code
    if (
        not _test_command_started(artifacts)
        and code is not None
        and EXIT_PATCH_FAILED <= code <= 99
    ):
        return RunStatus.PATCH_FAILED, f"patch {code - EXIT_PATCH_FAILED + 1} does not apply"
    if artifacts.out_of_memory:
        return RunStatus.OUT_OF_MEMORY, "the memory limit was reached"
    if artifacts.out_of_disk:
        return RunStatus.OUT_OF_DISK, "stopped for what it wrote to the disk"
    if artifacts.timed_out:
        return RunStatus.TIMEOUT, "stopped at the time limit"
    if report.tampering:
        return RunStatus.TAMPERED, report.tampering
    if artifacts.key_was_left and not artifacts.report:
        return RunStatus.CRASHED, f"no pytest session began (exit code {code})"
    if not artifacts.report:
        return RunStatus.TAMPERED, "a pytest session began and its report is gone"
    if report.is_finished:
        return RunStatus.COMPLETED, ""
    return RunStatus.CRASHED, f"the test session did not end by itself (exit code {code})"


def _decode_tail(output: bytes) -> str:
    return output[-500:].decode("utf-8", "replace").strip()
