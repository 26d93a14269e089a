"""Adjustments that a lock turned out not to need: later ones replaced them, or did the work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from curate.builders.lock.repair import LockAdjustment
from curate.builders.model import RequirementsLock
from curate.builders.requirements import Manifest, Requirement

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class AdjustmentStep:
    """An adjustment, and the manifest that it was made to."""

    before: Manifest
    change: LockAdjustment


def list_needed(
    steps: Sequence[AdjustmentStep],
    lock: RequirementsLock,
    resolve: Callable[[Manifest], RequirementsLock | None],
) -> list[str]:
    """Return the sentences of those *steps*, in order, without which *lock* would be another.

    The last one is among them: without it, nothing was resolved. *resolve* returns the lock of a
    manifest, None if it has none; it is called once for each other step that may be needless.
    """
    needed: list[str] = []
    final = steps[-1].change.manifest if steps else None
    for step in steps[:-1]:
        assert final is not None
        without = undo_change(step, final)
        if without == final:
            continue  # replaced by a later one
        other = None if _surely_matters(step, lock) else resolve(without)
        if other and other.packages == lock.packages:
            final = without
        else:
            needed.append(step.change.sentence)
    return needed + [step.change.sentence for step in steps[-1:]]


def undo_change(step: AdjustmentStep, final: Manifest) -> Manifest:
    """Return *final* without the change of *step*; *final* itself if a later step replaced it."""
    before, after = step.before, step.change.manifest
    overrides = dict(final.cutoff_overrides)
    for name, cutoff in after.cutoff_overrides.items():
        earlier = before.cutoff_overrides.get(name)
        if cutoff != earlier and overrides.get(name) == cutoff:
            overrides.pop(name)
            overrides |= {name: earlier} if earlier else {}
    return replace(
        final,
        requirements=_undo(before.requirements, after.requirements, final.requirements),
        constraints=_undo(before.constraints, after.constraints, final.constraints),
        archives=_undo(before.archives, after.archives, final.archives),
        cutoff_overrides=overrides,
    )


def _undo(before: Sequence[T], after: Sequence[T], final: Sequence[T]) -> tuple[T, ...]:
    """Return *final* without the difference of *before* and *after*, in the order of *before*."""
    removed = [item for item in before if item not in after]
    added = [item for item in after if item not in before]
    if not (removed or added) or not all(item in final for item in added):
        return tuple(final)
    items = [*(item for item in final if item not in added), *removed]
    order = {id(item): before.index(item) if item in before else len(before) for item in items}
    return tuple(sorted(items, key=lambda item: order[id(item)]))


def _surely_matters(step: AdjustmentStep, lock: RequirementsLock) -> bool:
    """Whether *step* only dropped requirements, and *lock* has none of these packages."""
    before, after = step.before, step.change.manifest
    dropped = {item.name for item in _missing(before, after)}
    return bool(dropped) and not _missing(after, before) and dropped.isdisjoint(lock.names)


def _missing(one: Manifest, other: Manifest) -> list[Requirement]:
    return [item for item in one.requirements if item not in other.requirements]
