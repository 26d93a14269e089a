"""What verified instances cost, compared with the targets that curate was planned by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from curate.core.model import Validation

RUNS = 3  # on each side, as by default
WORK_HOURS = 0.2  # mean of an instance, at most
UNIQUE_MB = 30  # median of an instance, beyond layers that others share, at most
HEAVY = frozenset({"torch", "ray", "distributed"})  # environments with these are left out of it


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure, what it should be at most (0: no limit), and how many values it was made of."""

    name: str
    most: float = 0
    value: float
    of: int

    @property
    def line(self) -> str:
        """A line of a table."""
        kept = "yes" if self.value <= self.most else "no"
        most, kept = (f"{self.most:g}", kept) if self.most else ("", "")
        return f"| {self.name} | {most} | {self.value:.3g} | {self.of} | {kept} |"


def compute_targets(made: Sequence[Validation]) -> Iterable[Target]:
    """Targets of verified instances; environments count where they were built for one of them."""
    if not made:
        return
    hours = [one.work_seconds / 3600 for one in made]
    yield Target(name="mean work-hours, as run", most=WORK_HOURS, value=mean(hours), of=len(made))
    whole = [_full(one) / 3600 for one in made]
    name = f"mean work-hours, with {RUNS} runs before and {RUNS} after"
    yield Target(name=name, most=WORK_HOURS, value=mean(whole), of=len(made))
    own = [one.unique_bytes / 1e6 for one in made]
    name = "median MB beyond shared layers"
    yield Target(name=name, most=UNIQUE_MB, value=median(own), of=len(made))
    seconds = [
        one.environment.environment_seconds for one in made if one.environment and _light(one)
    ]
    built = [each for each in seconds if each]
    if built:
        name = "median seconds of environments without torch, ray and distributed, cached or not"
        yield Target(name=name, value=median(built), of=len(built))


def _full(one: Validation) -> float:
    """Work-seconds had there been the usual number of runs."""
    runs = [run.cpu_seconds for run in one.runs]
    return one.work_seconds - sum(runs) + 2 * RUNS * mean(runs)


def _light(one: Validation) -> bool:
    assert one.environment is not None
    names = {line.split("==")[0].strip().lower() for line in one.environment.lock.splitlines()}
    return not names & HEAVY
