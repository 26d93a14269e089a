"""One candidate on trial: planned purely, then locked, built, run and judged."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from builders.backend import Backend
from builders.errors import BuilderError, SandboxError
from builders.lock import lock_key, resolve
from builders.model import (
    Built,
    Execution,
    Failure,
    InstanceSpec,
    Lock,
    Outcome,
    RunResult,
    RunStatus,
)
from builders.settings import BuildSettings
from builders.unbuilt import without_unbuilt
from curate import __version__
from curate.model import (
    Candidate,
    Environment,
    Rejection,
    Run,
    Strength,
    Validation,
    Verdict,
)
from curate.planning import Plan, limits, make_plan, path_rules
from curate.selection import NEIGHBOURS
from curate.store import Store
from curate.strength import pieces
from curate.verdict import hopeless, judge
from recipes import Recipe, RecipeError

INFRASTRUCTURE_TRIES = 3
BUILD_REPAIRS = 5  # builds of one environment, each without a package the one before lacked


class Interrupted(Exception):
    """The user asked to stop; nothing of the trial under way is kept."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user chose for a validation; part of its key, but for `jobs`."""

    runs: int = 3  # on each side
    backend: str = "docker"
    strength: bool = True  # whether to measure what the tests notice of the gold patch


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What a trial works with."""

    store: Store
    backend: Backend
    settings: BuildSettings
    pythons: tuple[str, ...]  # interpreters that can be had, "3.8" ...
    mirrors: Callable[[str], Path]  # repository -> bare mirror
    stop: threading.Event
    report: Callable[[str, str], None]  # instance id, step


def inputs_hash(candidate: Candidate, recipe: Recipe, options: Options) -> str:
    """Key of a validation: candidate, the recipe's range that holds it, options."""
    try:
        facts = recipe.digest(recipe.environment(candidate.version))
    except RecipeError as error:
        facts = str(error)
    about = (
        candidate.base_commit,
        candidate.created_at.isoformat(),
        hashlib.sha256(candidate.patch).hexdigest(),
        hashlib.sha256(candidate.test_patch).hexdigest(),
        facts,
        asdict(options),
        *((NEIGHBOURS,) if recipe.cases else ()),
    )
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def hold(candidate: Candidate, recipe: Recipe, options: Options, shop: Workshop) -> Validation:
    """Try *candidate* and return the record; raises BuilderError for infrastructure."""
    started = datetime.now(UTC)
    blank = Validation(
        instance_id=candidate.instance_id,
        inputs=inputs_hash(candidate, recipe, options),
        curate_version=__version__,
        recipe_hash="",
        started_at=started,
        finished_at=started,
        test_command="",
        environment=None,
        runs=(),
        verdict=_fallen("validate", "not-run"),
    )
    plan = make_plan(candidate, recipe, shop.mirrors(candidate.repo), shop.pythons)
    if isinstance(plan, Rejection):
        record = replace(blank, verdict=_fallen(plan.stage, plan.reason, plan.detail))
    else:
        command = plan.selection.command(plan.env, recipe.cases)
        blank = replace(blank, recipe_hash=recipe.digest(plan.env), test_command=command)
        record = _tried(plan, options, shop, blank)
    return replace(record, finished_at=datetime.now(UTC))


def _tried(plan: Plan, options: Options, shop: Workshop, blank: Validation) -> Validation:
    """Try with the lock shared by all that declare the same; if that fails, with an exact one."""
    lock = _shared_lock(plan, shop)
    if isinstance(lock, Failure):
        return replace(blank, verdict=_fallen(lock.stage, lock.reason, lock.detail))
    record = _with_lock(plan, lock, options, shop, blank)
    if record.verified or lock.cutoff == plan.date:
        return record
    exact = _resolve(plan, shop)
    if isinstance(exact, Failure) or exact.packages == lock.packages:
        return record
    shop.report(plan.candidate.instance_id, "again with a date-exact lock")
    return _with_lock(plan, exact, options, shop, blank)


def _shared_lock(plan: Plan, shop: Workshop) -> Lock | Failure:
    """The stored lock of the same manifest if it is not newer than the pull, or a new one."""
    key = lock_key(plan.manifest, plan.python)
    stored = shop.store.lock(key)
    if stored and stored.cutoff <= plan.date:
        return stored
    lock = _resolve(plan, shop)
    if isinstance(lock, Lock):
        shop.store.save_lock(key, lock)
    return lock


def _resolve(plan: Plan, shop: Workshop) -> Lock | Failure:
    shop.report(plan.candidate.instance_id, "locking")
    return resolve(plan.manifest, python=plan.python, cutoff=plan.date, settings=shop.settings)


def _with_lock(
    plan: Plan, lock: Lock, options: Options, shop: Workshop, blank: Validation
) -> Validation:
    lock, built = _built(plan, lock, shop)
    if isinstance(built, Failure):
        return replace(blank, verdict=_fallen(built.stage, built.reason, built.detail))
    environment = _environment(plan, lock, built)
    runs = _runs(plan, built, options, shop)
    verdict = judge(*_sides(runs))
    record = replace(blank, environment=environment, runs=tuple(runs), verdict=verdict)
    return _measured(plan, built, shop, record) if options.strength and record.verified else record


def _measured(plan: Plan, built: Built, shop: Workshop, record: Validation) -> Validation:
    """*record* with the strength of its tests; a gold patch of one piece has been tried already."""
    found = pieces(plan.candidate.patch, path_rules(plan.recipe).is_source)
    tried, unnoticed, seconds = [], [], 0.0
    for number, piece in enumerate(found, 1):
        if len(found) == 1:
            tried.append(piece.name)
            break
        shop.report(plan.candidate.instance_id, f"strength {number} of {len(found)}")
        patches = (plan.candidate.test_patch, piece.rest)
        result = _sound(shop, built, _execution(plan, patches, index=0))
        seconds += result.cpu_seconds
        if result.status is RunStatus.PATCH_FAILED:
            continue
        tried.append(piece.name)
        if all(result.outcomes.get(n) is Outcome.PASSED for n in record.verdict.fail_to_pass):
            unnoticed.append(piece.name)
    strength = Strength(pieces=tuple(tried), unnoticed=tuple(unnoticed))
    return replace(record, strength=strength, strength_seconds=seconds)


def _built(plan: Plan, lock: Lock, shop: Workshop) -> tuple[Lock, Built | Failure]:
    """Build; where an optional package does not, without it, and remember the lock that did."""
    key = lock_key(plan.manifest, plan.python)
    departures: list[str] = []
    for _ in range(BUILD_REPAIRS):
        shop.report(plan.candidate.instance_id, "building")
        built = shop.backend.build(_spec(plan, lock, shop))
        if isinstance(built, Built):
            if departures:
                shop.store.save_lock(key, lock)
            break
        change = without_unbuilt(built, plan.manifest, lock)
        if change is None or built.reason != "environment-failed":
            break
        plan = replace(plan, manifest=change.manifest)
        departures.append(change.sentence)
        shop.report(plan.candidate.instance_id, "locking")
        again = resolve(
            plan.manifest, python=plan.python, cutoff=lock.cutoff, settings=shop.settings
        )
        if isinstance(again, Failure):
            break
        lock = replace(again, repairs=(*again.repairs, *departures))
    return lock, built


def _runs(plan: Plan, built: Built, options: Options, shop: Workshop) -> Sequence[Run]:
    """Alternate after- and before-runs; end early where the first pair leaves nothing to show."""
    runs: list[Run] = []
    for index in range(options.runs):
        after = _run(plan, built, shop, side="after", index=index)
        before = _run(plan, built, shop, side="before", index=index)
        runs += [before, after]
        if index == 0 and hopeless(before, after):
            break
    return runs


def _run(plan: Plan, built: Built, shop: Workshop, *, side: str, index: int) -> Run:
    candidate = plan.candidate
    shop.report(candidate.instance_id, f"{side} {index + 1}")
    patches = (
        (candidate.test_patch, candidate.patch) if side == "after" else (candidate.test_patch,)
    )
    result = _sound(shop, built, _execution(plan, patches, index))
    return Run(
        side=side,
        index=index,
        status=result.status,
        outcomes=result.outcomes,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        log=shop.store.blobs.put(result.output),
        detail=result.detail,
    )


def _execution(plan: Plan, patches: tuple[bytes, ...], index: int) -> Execution:
    """One run of the changed tests; *index* decides their order and the hash seed."""
    return Execution(
        command=plan.selection.command(plan.env, plan.recipe.cases, backwards=index % 2 == 1),
        patches=patches,
        environment=plan.env.environment | {"PYTHONHASHSEED": str(index)},
        limits=limits(plan.env),
    )


def _sound(shop: Workshop, built: Built, execution: Execution) -> RunResult:
    """Run until the sandbox itself holds, a few times at most."""
    problem: BuilderError = SandboxError("no run was made")
    for _ in range(INFRASTRUCTURE_TRIES):
        if shop.stop.is_set():
            raise Interrupted
        try:
            result = shop.backend.run(built, execution)
        except SandboxError as error:
            problem = error
        else:
            if result.status is not RunStatus.OUT_OF_MEMORY:
                return result
            problem = SandboxError(
                f"A run of {built.name} was out of memory.",
                hint="Raise limits.memory_gib in the recipe, or lower -j.",
            )
    raise problem


def _spec(plan: Plan, lock: Lock, shop: Workshop) -> InstanceSpec:
    candidate = plan.candidate
    return InstanceSpec(
        name=candidate.instance_id,
        repo=candidate.repo,
        mirror=shop.mirrors(candidate.repo),
        base_commit=candidate.base_commit,
        date=plan.date,
        python=plan.python,
        lock=lock,
        system_packages=plan.env.system,
        install=plan.env.install,
        import_name=plan.recipe.import_name,
        version=candidate.version,
        submodules={path: shop.mirrors(r) for path, r in plan.recipe.submodules.items()},
        environment=plan.env.environment,
    )


def _environment(plan: Plan, lock: Lock, built: Built) -> Environment:
    return Environment(
        key=built.environment_key,
        backend=built.backend,
        python=plan.python,
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
        variables=plan.env.environment,
    )


def _sides(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    before = [run for run in runs if run.side == "before"]
    return before, [run for run in runs if run.side == "after"]


def _fallen(stage: str, reason: str, detail: str = "") -> Verdict:
    why = Rejection(stage=stage, reason=reason, detail=detail)
    return Verdict(fail_to_pass=(), pass_to_pass=(), rejection=why)
