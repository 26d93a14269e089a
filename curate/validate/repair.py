"""Repaired environments: what a run found missing, answered and tried again, a few times."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

from curate.builders.model import Failure, RequirementsLock, RunStatus
from curate.builders.requirements.model import Requirement
from curate.core.model import Validation
from curate.environments.build import choose_lock, get_or_create_lock
from curate.environments.context import ValidationContext
from curate.environments.evidence import RepositoryEvidence
from curate.environments.plan import ValidationPlan
from curate.environments.remedies import iter_remedies
from curate.environments.remedy import EnvironmentState, Remedy, Symptom
from curate.environments.variants import RequirementsVariant
from curate.validate.anticipate import EXPECTED, anticipate_missing
from curate.validate.attempt import Attempt
from curate.validate.missing import MissingThing, find_cause, find_missing
from curate.validate.old_tls import find_old_tls
from curate.validate.skipped_tests import find_skipped

MAX_REPAIRS = 3
MAX_ROUNDS = 8  # also those that end before a run, because the index has no such distribution

REPAIRABLE = frozenset(
    {
        "collection-error",
        "no-tests-collected",
        str(RunStatus.CRASHED),
        "pass-to-fail",
        "no-fail-to-pass",
        "environment-failed",
        "install-failed",
        "not-imported",
    }
)

NAMED_CAUSES = frozenset({"collection-error", "no-tests-collected", str(RunStatus.CRASHED)})
"""Reasons of rejections whose detail names the cause in the log."""

Key = tuple[str, str]  # kind and name of a missing thing


@dataclass(kw_only=True)
class _Repair:
    """What was tried for each missing thing."""

    state: EnvironmentState
    evidence: RepositoryEvidence
    applied: dict[Key, Remedy] = field(default_factory=dict)
    options: dict[Key, Iterator[Remedy]] = field(default_factory=dict)

    @classmethod
    def begin(cls, failed: Attempt, evidence: RepositoryEvidence) -> "_Repair":
        """Return the state before any repair of *failed*, whose lock was resolved."""
        assert isinstance(failed.lock, RequirementsLock)
        state = EnvironmentState(
            packages=failed.lock.packages,
            test_command=failed.plan.env.test_command,
            test_files=failed.plan.selection.files,
            optional=list_optional(failed.variant.manifest.requirements),
        )
        return cls(state=state, evidence=evidence)

    def answer(self, missing: Mapping[Key, MissingThing]) -> tuple[Key, ...]:
        """Take the next remedy of each thing, without those that did not help; return new keys."""
        kept = {key: it for key, it in self.applied.items() if key not in missing}
        kept |= {key: it for key, it in self.applied.items() if key[0].startswith(EXPECTED)}
        self.applied = kept
        new = []
        for key, thing in missing.items():
            if key in kept:
                continue
            symptom = Symptom(kind=thing.kind, name=thing.name, where=thing.where)
            remedies = self.options.setdefault(
                key, iter_remedies(symptom, self.state, self.evidence)
            )
            remedy = next(remedies, None)
            if remedy:
                is_new = remedy.label not in {it.label for it in self.applied.values()}
                self.applied[key] = remedy
                new += [key] if is_new else []
        return tuple(new)

    def withdraw(self, keys: tuple[Key, ...]) -> None:
        """Take back remedies that changed nothing."""
        self.applied = {key: it for key, it in self.applied.items() if key not in keys}


def iter_repairs(
    failed: Attempt,
    ctx: ValidationContext,
    evidence: RepositoryEvidence,
    get_latest: Callable[[], Validation],
) -> Iterator[Attempt]:
    """Yield *failed* with what its runs, and those of each repair, found missing.

    *get_latest* returns the record of the attempt that was yielded last. A remedy is kept only if
    the next run no longer misses what it answers.
    """
    repair = _Repair.begin(failed, evidence)
    repairs = 0
    for _ in range(MAX_ROUNDS):
        missing = list_missing(get_latest(), failed.plan, ctx, evidence)
        new = repair.answer(missing)
        if repairs == MAX_REPAIRS or not new:
            return
        attempt = _make_repaired(failed, repair.applied, ctx)
        if isinstance(attempt.lock, Failure) and 1 < len(new) <= MAX_ROUNDS:
            repair.withdraw(_find_unlockable(failed, repair, new, ctx))
            attempt = _make_repaired(failed, repair.applied, ctx)
            new = tuple(key for key in new if key in repair.applied)
        useless = _find_useless(repair, new, attempt.lock)
        repair.withdraw(useless)
        if len(useless) == len(new):
            continue
        repairs += 1
        yield _make_repaired(failed, repair.applied, ctx) if useless else attempt


def omit_needless(attempt: Attempt, record: Validation, ctx: ValidationContext) -> Attempt | None:
    """Return a verified *attempt* without the remedies that its run shows not to have helped.

    None if there are none, or nothing would be left.
    """
    if attempt.repaired is None or not record.is_verified:
        return None
    missing = {(it.kind, it.name) for it in find_missing(read_log(record, ctx))}
    needed = {key: it for key, it in attempt.remedies.items() if key not in missing}
    if not needed or len(needed) == len(attempt.remedies):
        return None
    return _make_repaired(attempt.repaired, needed, ctx)


def _make_repaired(
    failed: Attempt, applied: Mapping[Key, Remedy], ctx: ValidationContext
) -> Attempt:
    """Return *failed* with the remedies *applied*, as of the same date if it can be."""
    assert isinstance(failed.lock, RequirementsLock)
    remedies = tuple({it.label: it for it in reversed(list(applied.values()))}.values())[::-1]
    plan, variant = apply_remedies(failed.plan, failed.variant, remedies)
    name = f"{failed.name}, with {'; '.join(it.label for it in remedies)}"
    same_date = replace(variant, cutoff=failed.lock.exclude_newer)
    lock = choose_lock(same_date, partial(get_or_create_lock, plan, same_date, ctx=ctx))
    return Attempt(
        name=name,
        plan=plan,
        variant=variant,
        lock=lock,
        repaired=failed,
        remedies=dict(applied),
    )


def _find_unlockable(
    failed: Attempt, repair: _Repair, keys: tuple[Key, ...], ctx: ValidationContext
) -> tuple[Key, ...]:
    """Return those *keys* whose remedies have no lock, when tried one after another."""
    fitting = {key: it for key, it in repair.applied.items() if key not in keys}
    for key in keys:
        more = {**fitting, key: repair.applied[key]}
        if not isinstance(_make_repaired(failed, more, ctx).lock, Failure):
            fitting = more
    return tuple(key for key in keys if key not in fitting)


def _find_useless(
    repair: _Repair, keys: tuple[Key, ...], lock: RequirementsLock | Failure
) -> tuple[Key, ...]:
    """Return those *keys* whose distributions did not come into *lock*; all if there is none."""
    if isinstance(lock, Failure):
        return keys
    return tuple(
        key
        for key in keys
        if not {_distribution(line) for line in repair.applied[key].requirements} <= lock.names
        or {*repair.applied[key].omitted} & lock.names
        or (_only_constrains(repair.applied[key]) and lock.packages == repair.state.packages)
    )


def _only_constrains(remedy: Remedy) -> bool:
    return remedy.label == ", ".join(remedy.constraints)


def _distribution(line: str) -> str:
    return canonicalize_name(Parsed(line).name)


def list_optional(requirements: Sequence[Requirement]) -> frozenset[str]:
    """Return the distributions that requirement files, extras or groups name, and no metadata."""
    core = {it.name for it in requirements if it.is_core}
    return frozenset(it.name for it in requirements) - core


def apply_remedies(
    plan: ValidationPlan, variant: RequirementsVariant, remedies: tuple[Remedy, ...]
) -> tuple[ValidationPlan, RequirementsVariant]:
    """Return *plan* and *variant* with *remedies*; their sentences are notes of the manifest."""
    manifest, env = variant.manifest, plan.env
    added = tuple(
        Requirement(line=line, name=_distribution(line), origin="repair")
        for remedy in remedies
        for line in remedy.requirements
    )
    packages = [*env.system_packages, *(it for one in remedies for it in one.system_packages)]
    absent = {name for remedy in remedies for name in remedy.absent}
    variables = dict(pair for remedy in remedies for pair in remedy.env_vars)
    command = env.test_command
    for remedy in remedies:
        command = change_command(command, remedy)
    changed_env = env.model_copy(
        update={
            "system_packages": tuple(dict.fromkeys(it for it in packages if it not in absent)),
            "env_vars": env.env_vars | variables,
            "test_command": command,
        }
    )
    constraints = (line for remedy in remedies for line in remedy.constraints)
    omitted = {name for remedy in remedies for name in remedy.omitted}
    kept = (it for it in manifest.requirements if it.name not in omitted)
    changed = replace(
        manifest,
        requirements=(*kept, *added),
        constraints=(*manifest.constraints, *constraints),
        notes=(*manifest.notes, *(remedy.sentence for remedy in remedies)),
    )
    left_out = {path for remedy in remedies for path in remedy.left_out}
    files = tuple(path for path in plan.selection.files if path not in left_out)
    selection = replace(plan.selection, files=files)
    changed_plan = replace(plan, env=changed_env, selection=selection)
    return changed_plan, replace(variant, manifest=changed)


def change_command(command: str, remedy: Remedy) -> str:
    """Return the test command, a template, with the changes of *remedy*."""
    if remedy.dropped_option:
        option = re.escape(remedy.dropped_option)
        value = r"(?:=\S+|\s+(?![-{\"'$&|;<>])\S+(?=\s))?"
        command = re.sub(rf"(?<!\S){option}(?:\d+|{value})(?!\S)\s*", "", command)
    if remedy.arguments:
        command = command.replace("{tests}", f"{' '.join(remedy.arguments)} {{tests}}")
    if remedy.python_path is not None:
        folder = f"$PWD/{remedy.python_path}".rstrip("/")
        command = f'export PYTHONPATH="${{{{PYTHONPATH:+$PYTHONPATH:}}}}{folder}"; {command}'
    return f"{remedy.prelude}; {command}" if remedy.prelude else command


def list_missing(
    record: Validation, plan: ValidationPlan, ctx: ValidationContext, evidence: RepositoryEvidence
) -> dict[Key, MissingThing]:
    """Return what the first post-patch run, or a failed install, of *record* found missing."""
    rejection = record.verdict.rejection
    if rejection is None or rejection.reason not in REPAIRABLE:
        return {}
    log = read_log(record, ctx)
    skipped = find_skipped(record, log, plan.selection.files, evidence)
    found = (*find_missing(log), *skipped)
    expected = anticipate_missing(found, plan.selection.files, evidence)
    old_tls = find_old_tls(record, plan.candidate.created_at, log)
    return {(it.kind, it.name): it for it in (*found, *expected, *old_tls)}


def read_log(record: Validation, ctx: ValidationContext) -> str:
    """Return what the first post-patch run of *record* printed, or its failed lock or build."""
    keys = [run.log for run in record.runs if run.side == "after"] or list(record.attempt_logs)
    content = ctx.store.blobs.get(keys[0]) if keys and keys[0] else b""
    return content.decode("utf-8", "replace")


def name_cause(record: Validation, ctx: ValidationContext) -> Validation:
    """Return *record* with the first line of its log that says why tests did not run."""
    rejection = record.verdict.rejection
    if rejection is None or rejection.reason not in NAMED_CAUSES:
        return record
    cause = find_cause(read_log(record, ctx))
    if not cause:
        return record
    detail = f"{cause} ({rejection.detail})" if rejection.detail else cause
    verdict = replace(record.verdict, rejection=replace(rejection, detail=detail))
    return replace(record, verdict=verdict)
