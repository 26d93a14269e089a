"""The one grader: a candidate's patch, tested in a new sandbox of the instance.

`evaluate`, the environment for agents and Harbor's verifier share it: the patch comes as a diff,
`prepare_checkout` applies it to a fresh checkout, and the results come from the signed reporter.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from curate.builders.backends.protocol import Backend
from curate.builders.backends.run_retries import run_with_retries
from curate.builders.model import BuiltInstance, Outcome, RunResult, RunSpec
from curate.builders.process.digest import content_hash
from curate.core.task import Task
from curate.harness.judgment import describe_grade, find_reason, list_failed
from curate.harness.protection import make_preparation

GRADING_VERSION = 1  # raise it if the same inputs give another grade
MAX_PATCH_BYTES = 32 << 20
# As in the first run of a validation.
HASH_SEED = {"PYTHONHASHSEED": "0"}


class GradeReason(StrEnum):
    """Why a patch is not resolved; RESOLVED if it is."""

    RESOLVED = "resolved"
    EMPTY = "empty-patch"
    TOO_LARGE = "patch-too-large"
    DOES_NOT_APPLY = "does-not-apply"
    TESTS_BLOCKED = "test-patch-does-not-apply"  # the candidate's files are in its way
    TIMEOUT = "timeout"
    TESTS_FAILED = "tests-failed"
    CRASHED = "crashed"  # before every test had an outcome
    OUT_OF_RESOURCES = "out-of-resources"  # memory, processes or disk
    TAMPERED = "tampered"  # with the report of the tests


@dataclass(frozen=True, kw_only=True)
class TestCounts:
    """How many of an instance's tests pass."""

    __test__ = False  # not a test class: keeps pytest from collecting it

    passed: int
    total: int

    @property
    def fraction(self) -> float:
        """Passed tests of all; 1 if there are none."""
        return self.passed / self.total if self.total else 1.0


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The result of grading one patch. Its reward is 1 if it is resolved, else 0."""

    instance_id: str
    patch_hash: str
    reason: GradeReason
    detail: str = ""  # one line, for people
    fail_to_pass: TestCounts
    pass_to_pass: TestCounts
    failed_tests: tuple[str, ...] = ()  # of both lists, those that did not pass
    restored_paths: tuple[str, ...] = ()  # protected files whose changes were undone
    applied_with: str = ""  # options of `git apply`, where it needed some
    seconds: float = 0.0  # of the run
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    output: bytes = b""

    @property
    def resolved(self) -> bool:
        """Whether every FAIL_TO_PASS and PASS_TO_PASS test passes."""
        return self.reason is GradeReason.RESOLVED

    @property
    def reward(self) -> float:
        """1.0 or 0.0."""
        return float(self.resolved)


def grade_patch(
    task: Task,
    built: BuiltInstance,
    patch: bytes,
    backend: Backend,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Grade:
    """Grade *patch*, a diff against the base commit, in a new sandbox of *built*.

    An empty or oversized patch is graded without a run. Raises BuilderError if the sandbox keeps
    failing, which says nothing about the patch, and what *check_cancelled* raises.
    """
    patch = normalize_patch(patch)
    if reason := find_unusable(patch):
        return make_grade_without_run(task, patch, reason)
    result = run_with_retries(backend, built, make_run_spec(task, patch), check_cancelled)
    return make_grade(task, patch, result)


def normalize_patch(patch: bytes) -> bytes:
    """Return *patch* with a newline at its end, which git requires; b"" if it is blank."""
    if not patch.strip():
        return b""
    return patch if patch.endswith(b"\n") else patch + b"\n"


def hash_patch(patch: bytes) -> str:
    """Return the hash by which results of *patch* are known."""
    return content_hash(normalize_patch(patch))


def find_unusable(patch: bytes) -> GradeReason | None:
    """Return why *patch* cannot be run; None if it can."""
    if not patch.strip():
        return GradeReason.EMPTY
    return GradeReason.TOO_LARGE if len(patch) > MAX_PATCH_BYTES else None


def make_run_spec(task: Task, patch: bytes) -> RunSpec:
    """Return the run that grades *patch*: as the first one of the validation."""
    return RunSpec(
        command=task.test_command,
        preparation=make_preparation(task, patch),
        env_vars={**task.env_vars, **HASH_SEED},
        limits=task.limits,
    )


def make_grade_without_run(task: Task, patch: bytes, reason: GradeReason) -> Grade:
    """Return the grade of a patch that was not run: no test counts as passed."""
    size = f"{len(patch) / 2**20:.0f} MiB; at most {MAX_PATCH_BYTES >> 20} MiB are graded"
    return Grade(
        instance_id=task.instance_id,
        patch_hash=hash_patch(patch),
        reason=reason,
        detail=size if reason is GradeReason.TOO_LARGE else "",
        fail_to_pass=TestCounts(passed=0, total=len(task.fail_to_pass)),
        pass_to_pass=TestCounts(passed=0, total=len(task.pass_to_pass)),
    )


def make_grade(task: Task, patch: bytes, result: RunResult) -> Grade:
    """Return the grade of *patch* by the *result* of its run."""
    failed = list_failed(result.outcomes, task.fail_to_pass, task.pass_to_pass)
    fixed, kept = (
        TestCounts(passed=len(names) - len(set(names) & set(failed)), total=len(names))
        for names in (task.fail_to_pass, task.pass_to_pass)
    )
    report = json.loads(result.prepared) if result.prepared else {}
    return Grade(
        instance_id=task.instance_id,
        patch_hash=hash_patch(patch),
        reason=GradeReason(find_reason(result.status, result.detail, failed)),
        detail=describe_grade(result.status, result.detail, failed, result.output),
        fail_to_pass=fixed,
        pass_to_pass=kept,
        failed_tests=tuple(failed),
        restored_paths=tuple(report.get("restored", ())),
        applied_with=report.get("applied_with", ""),
        seconds=result.seconds,
        outcomes=result.outcomes,
        output=result.output,
    )
