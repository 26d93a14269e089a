"""A case of the hostile list: files, and the end they must come to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from curate.builders.model import Outcome, ResourceLimits, RunResult, RunSpec, RunStatus
from curate.core.model import Run
from curate.validate.verdict import compute_verdict
from tests.helpers.sandbox_behaviours import Behaviour

LIMITS = ResourceLimits(seconds=60, memory_bytes=512 << 20, tmp_bytes=64 << 20, pids=200)
GOOD = {"test_x.py::test_good": Outcome.PASSED}
HONEST = {**GOOD, "test_x.py::test_bad": Outcome.FAILED}
TESTS = "def test_good(): pass\ndef test_bad(): assert 0\n"


@dataclass(frozen=True, kw_only=True)
class Case(Behaviour):
    """A behaviour that is run in a folder of one shared project, and judged as an after-run."""

    guarded: bool = True
    limits: ResourceLimits = LIMITS

    @property
    def folder(self) -> str:
        """Where in the project the files of this case lie."""
        return re.sub(r"\W+", "_", self.name)

    @property
    def laid(self) -> Mapping[str, str | bytes]:
        """The files, as files of the shared project."""
        return {f"{self.folder}/{name}": content for name, content in self.files.items()}

    @property
    def execution(self) -> RunSpec:
        """The run, from the case's folder."""
        whole = super().execution
        return replace(whole, command=f"cd {self.folder} && {whole.command}")

    def check(self, result: RunResult) -> None:
        """Assert the end, and that no test counts that does not pass honestly."""
        super().check(result)
        counts = [name for name in fail_to_pass(result) if "test_bad" in name]
        assert bool(counts) is not self.guarded, counts


def fail_to_pass(result: RunResult) -> tuple[str, ...]:
    """What would count if every test had failed before."""
    before = dict.fromkeys(result.outcomes, Outcome.FAILED)
    return compute_verdict(
        [Run(side="before", index=0, status=RunStatus.COMPLETED, outcomes=before)],
        [Run(side="after", index=0, status=result.status, outcomes=result.outcomes)],
    ).fail_to_pass
