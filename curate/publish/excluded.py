"""What the release filters exclude of the verified instances.

Thousands of instances are compared with each other for that, so the answer is remembered until an
instance, the filters or curate changes.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from builders.process.atomic_write import atomic_write
from curate import __version__
from curate.core.settings import Settings
from curate.git.locations import found_mirror
from curate.publish.filters.config import Problem, read_rules
from curate.store import Store

if TYPE_CHECKING:
    from curate.publish.check import Fault
import hashlib
from collections import Counter
from dataclasses import asdict

from curate.publish.filters.config import Rules
from curate.publish.measures.benchmark_overlap import benchmark_bytes

Held = Mapping[str, Sequence[Problem]]
"""By instance id, every reason against a verified instance."""


def held_of(settings: Settings, store: Store, rules: Rules | None = None) -> Held:
    """What *rules*, by default those of the settings, hold back of all that is verified."""
    rules = rules or read_rules(settings.rules)
    memory = settings.cache / "held" / f"{settings.owner}.json"
    state = _state(settings, store, rules)
    if (known := _remembered(memory, state)) is not None:
        return known
    from curate.publish.measures.codebase import Bases
    from curate.publish.tables import held_back

    with Bases(lambda repo: found_mirror(settings, repo)) as bases:
        held = held_back(store, bases, rules)
    _remember(memory, state, held)
    return held


def _state(settings: Settings, store: Store, rules: Rules) -> str:
    """A hash of all that decides the answer."""
    repositories = store.repositories()
    lists = [benchmark_bytes(name) for name in rules.contamination.lists]
    about = (
        __version__,
        rules.model_dump_json(),
        [hashlib.sha256(each).hexdigest() for each in lists],
        store.verified_state(),
        [str(found_mirror(settings, repo)) for repo in repositories],
        # Groups are made of all candidates, verified or not.
        [one.as_dict() for one in store.funnels()] if rules.one_per_leak_group else [],
    )
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _remembered(memory: Path, state: str) -> Held | None:
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        if kept["state"] != state:
            return None
        return {name: [Problem(**each) for each in them] for name, them in kept["held"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _remember(memory: Path, state: str, held: Held) -> None:
    """Write the answer whole, or not: without it the next call only takes longer."""
    kept = {name: [asdict(each) for each in them] for name, them in held.items()}
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(memory) as partial:
            partial.write_text(json.dumps({"state": state, "held": kept}), encoding="utf-8")


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


def as_faults(settings: Settings, rules: Rules) -> "list[Fault]":
    """What is held back as warnings of a check; none where there is no store."""
    from curate.publish.check import Fault

    if not (settings.data / "curate.sqlite").exists():
        return []
    with Store(settings.data) as store:
        held = held_of(settings, store, rules)
    return [
        Fault(split="train", instance_id=name, reason=f"held back: {problem}", refused=False)
        for name, problems in held.items()
        for problem in problems
    ]
