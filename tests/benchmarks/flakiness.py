"""How many outcomes of verified instances change in fresh runs: a line an instance, and the share.

    CURATE_…=… python -m tests.benchmarks.flakiness [INSTANCE...] [--runs 5] [-j 2]

Needs an engine, and the settings (docs/settings.md) of the data folder that holds verdicts; without
names every verified instance is taken. Each is run anew, before and after its gold patch, with the
orders and hash seeds of a validation with so many runs. An outcome has flipped that is not what the
verdict says: a FAIL_TO_PASS test must pass after and must not before, a PASS_TO_PASS test must pass
on both sides. What is quarantined does not count. What each instance was expected to show
newly is beside it (`curate.core.flakiness`).
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from curate.builders.backends.docker import DockerBackend
from curate.builders.model import Failure, Outcome
from curate.core.flakiness import estimate_new_flaky_tests
from curate.core.model import Run, Validation, Verdict
from curate.core.settings import read_settings
from curate.environments.context import ValidationContext
from curate.store import Store
from curate.validate.runs import run_before_and_after
from tests.benchmarks.stored_builds import make_validation_context, rebuild_environment

HEAD = "| instance | tests | quarantined | expected a run | outcomes | flipped | which |"


@dataclass(frozen=True, kw_only=True)
class Result:
    """Fresh runs of an instance; `problem` where there are none."""

    made: Validation
    outcomes: int = 0  # of tests in the two lists, in all runs of both sides
    flips: tuple[str, ...] = ()  # "side index: test"
    problem: str = ""

    @property
    def line(self) -> str:
        """Of the table."""
        verdict, expected = self.made.verdict, estimate_new_flaky_tests(self.made.runs)
        tests = len(verdict.fail_to_pass) + len(verdict.pass_to_pass)
        told = "" if expected is None else f"{expected:.2f}"
        which = self.problem or "; ".join(self.flips[:3])
        return (
            f"| {self.made.instance_id} | {tests} | {len(verdict.flaky_tests)} | {told}"
            f" | {self.outcomes} | {len(self.flips)} | {which} |"
        )


def main(arguments: list[str] | None = None) -> None:
    """Print the table and the share."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.flakiness")
    parser.add_argument("instances", nargs="*")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    settings = read_settings({})
    print(f"{HEAD}\n| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with Store(settings.data_dir) as store, ThreadPoolExecutor(options.jobs) as pool:
        building = settings.build_settings()
        ctx = make_validation_context(
            store, settings, building, DockerBackend(building), options.jobs
        )
        results = []
        wanted = options.instances or verified_ids(store)
        for result in pool.map(lambda name: rerun(name, ctx, options.runs), wanted):
            results.append(result)
            print(result.line, flush=True)
    print(f"\n{summary(results)}")


def verified_ids(store: Store) -> list[str]:
    """Names of the verified instances."""
    return [made.instance_id for _, made in store.iter_verified()]


def rerun(name: str, ctx: ValidationContext, count: int) -> Result:
    """Run *name* anew, *count* times a side."""
    candidate, made = ctx.store.get_candidate(name), ctx.store.get_validation(name)
    assert candidate is not None and made is not None and made.is_verified, name
    plan, built = rebuild_environment(candidate, made, ctx)
    if isinstance(built, Failure):
        return Result(made=made, problem=f"{built.stage}/{built.reason}")
    runs = run_before_and_after(plan, built, ctx, count=count)
    tests = len(made.verdict.fail_to_pass) + len(made.verdict.pass_to_pass)
    return Result(
        made=made, outcomes=tests * len(runs), flips=tuple(flipped_outcomes(made.verdict, runs))
    )


def flipped_outcomes(verdict: Verdict, runs: Sequence[Run]) -> Iterator[str]:
    """Every outcome in *runs* that is not what *verdict* says."""
    for run in runs:
        passed = {name for name, outcome in run.outcomes.items() if outcome is Outcome.PASSED}
        fixed = set(verdict.fail_to_pass)
        wrong = fixed & passed if run.side == "before" else fixed - passed
        wrong |= set(verdict.pass_to_pass) - passed
        yield from (f"{run.side} {run.index}: {name}" for name in sorted(wrong))


def summary(results: Sequence[Result]) -> str:
    """Instances, outcomes and the share of them that flipped."""
    ran = [result for result in results if result.outcomes]
    outcomes = sum(result.outcomes for result in ran)
    flips = sum(len(result.flips) for result in ran)
    steady = sum(not result.flips for result in ran)
    return (
        f"{len(ran)} instances of {len({r.made.instance_id.rpartition('-')[0] for r in ran})}"
        f" repositories, {outcomes} outcomes, {flips} flipped = {flips / max(outcomes, 1):.3%};"
        f" in {steady} instances none did; {len(results) - len(ran)} were not run"
    )


if __name__ == "__main__":
    main()
