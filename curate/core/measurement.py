"""Measurements: how much of a gold patch the tests of an instance would notice, and more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MEASUREMENT_VERSION = 1
"""Increment when a measurement of the same inputs changes."""


class MutantResult(StrEnum):
    """What became of a wrong variant of the gold patch."""

    KILLED = "killed"  # a test of the instance does not pass
    SURVIVED = "survived"  # all pass: the grader would call it resolved
    UNUSABLE = "unusable"  # it does not apply


@dataclass(frozen=True, kw_only=True)
class MutantOutcome:
    """One wrong variant of the gold patch, and what the tests said of it."""

    operator: str  # "comparison", "dropped-statement", ...
    path: str
    line: int  # of the file after the gold patch, from 1
    old: str  # the line in the gold patch, without indentation
    new: str
    result: MutantResult
    tests: int  # that were run: those that execute the line
    killed_by: str = ""  # node id of a test that does not pass, or the status of the run
    patch: str = ""  # key in the blob store of the patch, if it survived


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured of one instance, keyed by the hash of its inputs."""

    instance_id: str
    inputs_hash: str  # of the task, the options and MEASUREMENT_VERSION
    curate_version: str
    measured_at: datetime
    mutants: tuple[MutantOutcome, ...] = ()
    possible_mutants: int = 0  # of which the mutants were drawn
    equivalent_mutants: int = 0  # drawn, but with the bytecode of the gold patch or another mutant
    unreadable: Mapping[str, str] = field(default_factory=dict)  # path -> why there are none of it
    added_statements: int = 0  # of Python source that the gold patch adds or changes
    covered_statements: int = 0  # of these, executed by FAIL_TO_PASS or on import
    touching_tests: tuple[str, ...] = ()  # of both lists, those that execute one of them
    cpu_seconds: float = 0.0  # of all runs
    problem: str = ""  # why nothing was run; "" = everything was

    @property
    def killed(self) -> int:
        """Number of mutants that a test noticed."""
        return sum(it.result is MutantResult.KILLED for it in self.mutants)

    @property
    def survivors(self) -> tuple[MutantOutcome, ...]:
        """The mutants that no test noticed."""
        return tuple(it for it in self.mutants if it.result is MutantResult.SURVIVED)

    @property
    def mutation_score(self) -> float | None:
        """Killed mutants of all that could be run, 0 to 1; None if there are none."""
        counted = self.killed + len(self.survivors)
        return self.killed / counted if counted else None

    @property
    def line_coverage(self) -> float | None:
        """Covered statements of those added, 0 to 1; None if there are none."""
        if not self.added_statements:
            return None
        return self.covered_statements / self.added_statements
