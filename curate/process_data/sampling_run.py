"""Judging many attempts, one after the other, into a file of decisions."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curate.builders.errors import BuilderError
from curate.builders.process.atomic_write import atomic_write
from curate.process_data.attempts import InvalidAttempt, RawAttempt, iter_attempts
from curate.process_data.gold_files import MissingObjectError, PatchError
from curate.process_data.located_file import locate_file, tag_files
from curate.process_data.location_rate import TaggedLocations
from curate.process_data.model import ProcessInput
from curate.process_data.repository import BaseCommit, MirrorReader
from curate.process_data.sampling import Attempt, Gold, SamplingRules, judge_attempt

DECISIONS = "decisions.jsonl"


@dataclass(kw_only=True)
class JudgedCandidates:
    """How many attempts were selected, and what the others did not fulfill."""

    total: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return the counts."""
        reasons = dict(sorted(self.reasons.items()))
        return {"attempts": self.total, "selected": self.accepted, "reasons": reasons}


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What attempts are judged by."""

    rules: SamplingRules
    find_mirror: Callable[[str], Path | None]


def judge_candidates(
    path: Path, instances: Iterable[ProcessInput], folder: Path, judge: Judge
) -> JudgedCandidates:
    """Write a decision on each attempt in *path* to `DECISIONS` in *folder*.

    Only what the attempts name of *instances* is in memory. What is no attempt, or of an unknown
    instance, is a decision with that reason.
    """
    wanted = {it.instance_id for it in iter_attempts(path) if isinstance(it, RawAttempt)}
    known = {it.instance_id: it for it in instances if it.instance_id in wanted}
    judged = JudgedCandidates()
    with (
        MirrorReader() as reader,
        atomic_write(folder / DECISIONS) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as file,
    ):
        for attempt in iter_attempts(path):
            decision = _decide(attempt, known, judge, reader)
            judged.total += 1
            judged.accepted += decision["is_selected"]
            judged.reasons.update(decision["reasons"])
            file.write(json.dumps(decision, ensure_ascii=False) + "\n")
    return judged


def _decide(
    attempt: RawAttempt | InvalidAttempt,
    known: dict[str, ProcessInput],
    judge: Judge,
    reader: MirrorReader,
) -> dict[str, Any]:
    if isinstance(attempt, InvalidAttempt):
        return _reject("", attempt.place, "invalid-attempt", attempt.problem)
    instance = known.get(attempt.instance_id)
    if instance is None:
        return _reject(attempt.instance_id, attempt.name, "unknown-instance")
    mirror = judge.find_mirror(instance.repo)
    if mirror is None:
        return _reject(attempt.instance_id, attempt.name, "no-mirror")
    try:
        base = BaseCommit(mirror, instance.base_commit, reader.open(mirror))
        gold, made = _locate(attempt, instance, base)
    except (MissingObjectError, BuilderError, OSError) as error:
        return _reject(attempt.instance_id, attempt.name, "unreadable-mirror", str(error))
    except PatchError as error:
        return _reject(attempt.instance_id, attempt.name, "patch-does-not-apply", str(error))
    return {**asdict(judge_attempt(made, gold, judge.rules)), "detail": ""}


def _locate(attempt: RawAttempt, instance: ProcessInput, base: BaseCommit) -> tuple[Gold, Attempt]:
    gold = Gold(locations=_tag_patch(base, instance.patch), patch=instance.patch)
    from_patch = _tag_patch(base, attempt.patch) if attempt.patch.strip() else ()
    named = from_patch if attempt.locations is None else attempt.locations
    made = Attempt(
        instance_id=attempt.instance_id,
        name=attempt.name,
        locations=named,
        patch=attempt.patch,
        is_resolved=attempt.is_resolved,
    )
    return gold, made


def _tag_patch(base: BaseCommit, patch: bytes) -> tuple[TaggedLocations, ...]:
    return tuple(tag_files([locate_file(file) for file in base.read_changes(patch)]))


def _reject(instance_id: str, name: str, reason: str, detail: str = "") -> dict[str, Any]:
    return {
        "instance_id": instance_id,
        "name": name,
        "is_selected": False,
        "reasons": (reason,),
        "detail": detail[:500],
    }
