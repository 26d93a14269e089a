"""Why a candidate gets the environment it gets: the plan that validation makes, told in full.

Nothing is decided here: every fact comes from the plan, from the store and from the backend.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from builders.backends.protocol import Backend
from builders.images.install_script import install_commands
from builders.lock.initial_changes import prepare
from builders.model import Failure, Lock
from builders.requirements import Manifest
from curate.environments.build import instance_spec, stored_lock
from curate.environments.plan import Ground, Plan
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class GroundFacts:
    """One set of declared requirements that is tried, and what was or will be made of it."""

    declared_by: str  # "base" or "gold"
    python: str
    python_reason: str
    cutoff: datetime  # of the stored lock; else the date the lock will be resolved as of
    read: tuple[str, ...]  # requirement files that were read
    declared: Mapping[str, tuple[str, ...]]  # requirement lines by what declares them
    constraints: tuple[str, ...]
    absent: tuple[str, ...]  # what the recipe names and the commit lacks
    left_out: tuple[str, ...]  # one sentence each
    repairs: tuple[str, ...]  # of the stored lock; else those that are made before resolving
    locked: tuple[str, ...] | None  # packages of the stored lock; None where there is none yet
    names: Mapping[str, str]  # of the layers, which only a lock decides; empty without one
    install: tuple[str, ...]  # lines of the install script


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a plan says of range, environment and tests."""

    range: str  # `versions` of the recipe's range, "" for all
    recipe_hash: str
    system_packages: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    test_command: str
    grounds: tuple[GroundFacts, ...]  # in the order in which they are tried


def explain(
    plan: Plan, store: Store, backend: Backend, mirrors: Callable[[str], Path]
) -> Explanation:
    """Tell *plan*, and the locks and names that *store* and *backend* have for it."""
    return Explanation(
        range=plan.env.versions,
        recipe_hash=plan.recipe.digest(plan.env),
        system_packages=plan.env.system,
        variables=plan.env.environment,
        test_command=plan.selection.command(plan.env, plan.recipe.cases),
        grounds=tuple(_ground(plan, it, store, backend, mirrors) for it in plan.grounds),
    )


def _ground(
    plan: Plan, ground: Ground, store: Store, backend: Backend, mirrors: Callable[[str], Path]
) -> GroundFacts:
    manifest, lock = ground.manifest, stored_lock(ground, store)
    planned = lock or Lock(text="", python=ground.python, cutoff=ground.date)
    spec = instance_spec(plan, ground, planned, mirrors)
    names = backend.names(spec) if lock else {}
    repairs = lock.repairs if lock else tuple(it.sentence for it in prepare(manifest))
    return GroundFacts(
        declared_by=ground.source,
        python=ground.python,
        python_reason=ground.reason,
        cutoff=planned.cutoff,
        read=manifest.files,
        declared=_by_origin(manifest),
        constraints=manifest.constraints,
        absent=manifest.absent,
        left_out=manifest.notes,
        repairs=tuple(sentence for sentence in repairs if sentence not in manifest.notes),
        locked=lock.packages if lock else None,
        names={} if isinstance(names, Failure) else names,
        install=tuple(install_commands(spec)),
    )


def _by_origin(manifest: Manifest) -> Mapping[str, tuple[str, ...]]:
    """Lines under what declares them; a file that adds nothing to the others has none."""
    found: dict[str, list[str]] = {}
    for item in manifest.requirements:
        found.setdefault(item.origin, []).append(item.line)
    empty: dict[str, tuple[str, ...]] = dict.fromkeys(manifest.files, ())
    return empty | {origin: tuple(lines) for origin, lines in found.items()}
