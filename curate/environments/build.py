"""The environment of a trial: its lock, shared or exact, and its image."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tenacity

from builders.errors import SandboxError
from builders.git.checkout import is_whole, links
from builders.git.run import attempt
from builders.lock.build_failures import without_unbuilt
from builders.lock.resolve import lock_key, resolve
from builders.model import Built, Failure, InstanceSpec, Lock
from curate.core.model import Environment
from curate.environments.context import Workshop
from curate.environments.plan import Ground, Plan
from curate.store import Store

BUILD_TRIES = 3
BUILD_WAIT = 2.0  # seconds before the second try; each further wait is twice as long
BUILD_REPAIRS = 5  # builds of one environment, each without a package the one before lacked


def shared_lock(plan: Plan, ground: Ground, shop: Workshop) -> Lock | Failure:
    """The stored lock of the same manifest if it is not newer than the pull, or a new one."""
    stored = stored_lock(ground, shop.store)
    if stored:
        return stored
    lock = exact_lock(plan, ground, shop)
    if isinstance(lock, Lock):
        shop.store.save_lock(lock_key(ground.manifest, ground.python), lock)
    return lock


def stored_lock(ground: Ground, store: Store) -> Lock | None:
    """The lock in *store* that serves *ground*, unless it is newer than the pull."""
    stored = store.lock(lock_key(ground.manifest, ground.python))
    return stored if stored and stored.cutoff <= ground.date else None


def exact_lock(plan: Plan, ground: Ground, shop: Workshop) -> Lock | Failure:
    """A new lock as of the date of *ground*."""
    shop.report(plan.candidate.instance_id, "locking")
    lock = resolve(
        ground.manifest, python=ground.python, cutoff=ground.date, settings=shop.settings
    )
    if isinstance(lock, Lock):
        return replace(lock, commit=plan.candidate.base_commit)
    return lock


def build(plan: Plan, ground: Ground, lock: Lock, shop: Workshop) -> tuple[Lock, Built | Failure]:
    """Build; where an optional package does not, without it, and remember the lock that did."""
    key = lock_key(ground.manifest, ground.python)
    departures: list[str] = []
    for _ in range(BUILD_REPAIRS):
        shop.report(plan.candidate.instance_id, "building")
        built = _built(instance_spec(plan, ground, lock, shop.mirrors), shop)
        if isinstance(built, Built):
            if departures:
                shop.store.save_lock(key, lock)
            break
        change = without_unbuilt(built, ground.manifest, lock)
        if change is None or built.reason != "environment-failed":
            break
        ground = replace(ground, manifest=change.manifest)
        departures.append(change.sentence)
        shop.report(plan.candidate.instance_id, "locking")
        again = resolve(
            ground.manifest, python=ground.python, cutoff=lock.cutoff, settings=shop.settings
        )
        if isinstance(again, Failure):
            break
        lock = replace(again, repairs=(*again.repairs, *departures), commit=lock.commit)
    return lock, built


def _built(spec: InstanceSpec, shop: Workshop) -> Built | Failure:
    """Build *spec*, a few times where the engine or the network does not hold."""
    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(SandboxError),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(BUILD_TRIES), tenacity.stop_when_event_set(shop.stop)
        ),
        wait=tenacity.wait_exponential(multiplier=BUILD_WAIT),
        sleep=tenacity.sleep_using_event(shop.stop),
        reraise=True,
    )
    return patient(shop.backend.build, spec)


def _on_tree(spec: InstanceSpec, older: str) -> InstanceSpec:
    """*spec* upon the checkout of *older*, if that and its submodules can lie below."""
    if not older or not _leads_to(spec.mirror, older, spec.base_commit):
        return spec
    before, after = (links(spec.mirror, at, spec.submodules) for at in (older, spec.base_commit))
    if before.keys() != after.keys():
        return spec
    moved = {path: (before[path], at) for path, at in after.items() if at != before[path]}
    if not all(_leads_to(spec.submodules[path], *pair) for path, pair in moved.items()):
        return spec
    return replace(spec, tree_commit=older, moved=moved)


def _leads_to(mirror: Path, older: str, commit: str) -> bool:
    """Whether *older* is an ancestor of *commit*, or is it, and *mirror* has all files of both."""
    if not is_whole(mirror, commit):
        return False
    known = attempt(mirror, "merge-base", "--is-ancestor", older, commit)
    return known.returncode == 0 and is_whole(mirror, older)


def instance_spec(
    plan: Plan, ground: Ground, lock: Lock, mirrors: Callable[[str], Path]
) -> InstanceSpec:
    """What a backend is asked to build; *mirrors* gives the bare mirror of a repository."""
    candidate = plan.candidate
    mirror = mirrors(candidate.repo)
    spec = InstanceSpec(
        name=candidate.instance_id,
        repo=candidate.repo,
        mirror=mirror,
        base_commit=candidate.base_commit,
        date=ground.date,
        python=ground.python,
        lock=lock,
        system_packages=plan.env.system,
        install=plan.env.install,
        import_name=plan.recipe.import_name,
        version=candidate.version,
        submodules={path: mirrors(r) for path, r in plan.recipe.submodules.items()},
        environment=plan.env.environment,
    )
    return _on_tree(spec, lock.commit)


def environment_of(plan: Plan, ground: Ground, lock: Lock, built: Built) -> Environment:
    """The record of what was built."""
    return Environment(
        key=built.environment_key,
        backend=built.backend,
        python=ground.python,
        declared_by=ground.source,
        lock=lock.text,
        cutoff=lock.cutoff,
        repairs=lock.repairs,
        system_packages=plan.env.system,
        handle=built.handle,
        digest=built.digest,
        dockerfiles=built.dockerfiles,
        layer_bytes=built.layer_bytes,
        lock_seconds=lock.seconds,
        build_seconds=built.seconds,
        environment_seconds=built.environment_seconds,
        variables=plan.variables,
    )
