"""Where a validation is disturbed again and again: what was seen, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.store_fingerprint import fingerprint_store, stored_verdict_times
from tests.helpers.private_engine import PrivateEngine
from tests.helpers.pty import Watched
from tests.helpers.resource_leaks import find_leaked_resources, held_locks, image_names
from tests.helpers.sample_candidates import COUNT

HEAD = (
    "| kill | after s | phase | under way | curate's end | stored at the kill | after the restart"
    " | left at the kill | of these after the restart |"
)


@dataclass(kw_only=True)
class Disturbance:
    """One disturbance, and what the next start made of it."""

    number: int
    phase: str
    seconds: float = 0.0
    step: str = ""
    end: str = "killed"
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] | None = None
    left: set[str] = field(default_factory=set)
    still: set[str] | None = None

    @property
    def line(self) -> str:
        """Of the table."""
        after = "?" if self.after is None else len(self.after)
        still = "?" if self.still is None else _told(self.still)
        cells = (self.number, f"{self.seconds:.1f}", self.phase, self.step or "starting", self.end)
        return " | ".join(
            map(str, ("", *cells, len(self.before), after, _told(self.left), still, ""))
        ).strip()


class FaultLoop:
    """One folder in which the same command is begun again and again."""

    def __init__(self, folder: Path, engine: PrivateEngine, jobs: int) -> None:
        self.folder, self.engine, self.jobs = folder, engine, jobs
        self.variables: dict[str, str] = {}
        self.shown: list[str] = []  # ids, each time that a verdict was shown
        self.wrong: list[str] = []
        self.kills: list[Disturbance] = []
        self.truth: Mapping[str, object] = {}

    def begin(self) -> Watched:
        """The command."""
        return Watched(["validate", "-j", str(self.jobs)], self.variables)

    def leftovers(self) -> set[str]:
        return find_leaked_resources(self.folder, self.engine.client)

    def note(self, watched: Watched) -> None:
        """What a command that has ended showed."""
        self.shown += watched.finished
        if "Traceback" in watched.said:
            self.wrong.append(f"a traceback: {watched.said[-1500:]}")

    def look(self) -> dict[str, str]:
        """Moments at which the stored verdicts were made; checks them against the truth."""
        data = self.folder / "data"
        for name, found in fingerprint_store(data).items():
            if self.truth and found != self.truth[name]:
                self.wrong.append(f"verdict of {name}: {str(found)[:300]}")
        return stored_verdict_times(data)

    def restarted(self, watched: Watched) -> None:
        """Fill in what the last kill left, once *watched* is at work."""
        last = self.kills[-1] if self.kills else None
        if last and last.after is None and watched.step:
            last.after = stored_verdict_times(self.folder / "data")
            last.still = last.left & self.leftovers()


def find_differences(scene: FaultLoop, quiet: Mapping[str, object], images: list[str]) -> list[str]:
    """Everything that is not as after the undisturbed run."""
    found = list(scene.wrong)
    last = scene.look()
    if set(last) != set(quiet) or len(last) != COUNT:
        found.append(f"{len(last)} verdicts, undisturbed {len(quiet)}")
    for kill in scene.kills:
        moments = last | kill.before
        found += [f"{name} was validated again" for name in moments if moments[name] != last[name]]
    twice = {name for name in scene.shown if scene.shown.count(name) > 1}
    found += [f"{name} was shown to end twice" for name in sorted(twice)]
    found += [f"left: {thing}" for thing in sorted(scene.leftovers())]
    found += [f"lock held: {name}" for name in held_locks(scene.folder)]
    now = image_names(scene.engine.client)
    found += [f"image {name}" for name in sorted({*now} ^ {*images})]
    return found


def _told(things: set[str]) -> str:
    kinds = [thing.split()[0] for thing in sorted(things)]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "0"
