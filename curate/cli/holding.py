"""What the rules hold back of the verified instances, for the commands that tell it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from curate.cli.common import found_mirror, open_store
from curate.publishing.bases import Bases
from curate.publishing.check import Fault
from curate.publishing.rows import Problem
from curate.publishing.rules import Rules, read_rules
from curate.publishing.tables import held_back
from curate.settings import Settings
from curate.store import Store

Held = Mapping[str, Sequence[Problem]]
"""By instance id, every reason against a verified instance."""


def held_of(settings: Settings, store: Store, rules: Rules | None = None) -> Held:
    """What *rules*, by default those of the settings, hold back of all that is verified."""
    with Bases(lambda repo: found_mirror(settings, repo)) as bases:
        return held_back(store, bases, rules or read_rules(settings.rules))


def counts(held: Held, repo: str) -> dict[str, int]:
    """Instances of *repo* by reason, most first; one that has several counts for each."""
    own = repo.replace("/", "__") + "-"
    found = Counter(
        reason
        for name, problems in held.items()
        if name.startswith(own) and name.removeprefix(own).isdigit()
        for reason in {problem.reason for problem in problems}
    )
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def as_faults(settings: Settings, rules: Rules) -> list[Fault]:
    """What is held back as warnings of a check; none where there is no store."""
    if not (settings.data / "curate.sqlite").exists():
        return []
    with open_store(settings) as store:
        held = held_of(settings, store, rules)
    return [
        Fault(split="train", instance_id=name, reason=f"held back: {problem}", refused=False)
        for name, problems in held.items()
        for problem in problems
    ]
