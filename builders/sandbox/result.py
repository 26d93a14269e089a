"""From what a sandbox left behind to a result: the only place where a run is judged."""

from dataclasses import dataclass

from builders.errors import SandboxError
from builders.model import RunResult, RunStatus
from builders.pytest_plugin import Report, read_report
from builders.sandbox.run_script import NO_CHECKOUT, OUTPUT_CUT, PATCH_FAILED

REPORT_BYTES = 256 << 20  # a longer report is none


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was found after a run; nothing of it is believed but the signed report."""

    key: bytes
    exit_code: int | None
    timed_out: bool
    out_of_memory: bool = False
    out_of_disk: bool = False
    patched: bool  # the marker that every patch applied; whoever runs later can remove it
    key_left: bool  # no pytest session took the key
    report: bytes | None  # None = no such file, or one too long
    seconds: float
    cpu_seconds: float
    output: bytes
    note: str = ""  # said in the detail of every result
    cut_short: bool = False  # the script around the tests did not get to its end


def join_output(head: bytes, tail: bytes, tail_limit: int) -> bytes:
    """Head and tail of an output as one text that shows where it was cut."""
    return head + (OUTPUT_CUT if len(tail) >= tail_limit else b"") + tail


def judge(evidence: Evidence) -> RunResult:
    """Say how the run ended and what its tests did; SandboxError if it never got a checkout."""
    if not _begun(evidence) and evidence.exit_code == NO_CHECKOUT:
        raise SandboxError("the sandbox has no checkout to run in", hint=_text(evidence.output))
    report = read_report(evidence.report or b"", evidence.key)
    status, detail = _status(evidence, report)
    return RunResult(
        status=status,
        outcomes={} if status is RunStatus.TAMPERED else report.outcomes,
        exit_code=evidence.exit_code,
        seconds=evidence.seconds,
        cpu_seconds=evidence.cpu_seconds,
        output=evidence.output,
        detail="; ".join(part for part in (detail, evidence.note) if part),
        cut_short=evidence.cut_short,
    )


def _begun(evidence: Evidence) -> bool:
    """Whether the test command was reached; from then on the script's own exit codes are void."""
    return evidence.patched or not evidence.key_left or bool(evidence.report)


def _status(evidence: Evidence, report: Report) -> tuple[RunStatus, str]:
    code = evidence.exit_code
    if not _begun(evidence) and code is not None and PATCH_FAILED <= code <= 99:
        return RunStatus.PATCH_FAILED, f"patch {code - PATCH_FAILED + 1} does not apply"
    if evidence.out_of_memory:
        return RunStatus.OUT_OF_MEMORY, "the memory limit was reached"
    if evidence.out_of_disk:
        return RunStatus.OUT_OF_DISK, "stopped for what it wrote to the disk"
    if evidence.timed_out:
        return RunStatus.TIMEOUT, "stopped at the time limit"
    if report.tampered:
        return RunStatus.TAMPERED, report.tampered
    if evidence.key_left and not evidence.report:
        return RunStatus.CRASHED, f"no pytest session began (exit code {code})"
    if not evidence.report:
        return RunStatus.TAMPERED, "a pytest session began and its report is gone"
    if report.finished:
        return RunStatus.COMPLETED, ""
    return RunStatus.CRASHED, f"the test session did not end by itself (exit code {code})"


def _text(output: bytes) -> str:
    return output[-500:].decode("utf-8", "replace").strip()
