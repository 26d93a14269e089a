"""Verdicts, locks and checkouts depend on the candidate alone.

Not on the order, nor on what the store holds, nor on where a call was interrupted. Plans and git
are real; resolver and sandbox are stand-ins whose answers depend on what they are asked alone.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    Outcome,
    RequirementsLock,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.requirements import Manifest
from curate.core.model import Candidate, Validation
from curate.environments import build
from curate.environments.context import ValidationOptions
from curate.environments.shared_cutoff import PERIOD, start_of_period
from curate.recipes import Recipe
from curate.store import Store
from curate.validate.attempts import validate_candidate
from curate.validate.pool import ValidationTask, validate_tasks
from tests.helpers.factories import make_candidate
from tests.helpers.fakes import make_context
from tests.helpers.git_history import GitHistory

START = start_of_period(datetime(2021, 1, 1, tzinfo=UTC))
RECIPE = Recipe.model_validate(
    {"repo": "owner/name", "env": [{"requirements": {"files": ["requirements.txt"]}}]}
)
OPTIONS = ValidationOptions(runs=2)


def patch_of(path: str, *hunks: str) -> bytes:
    lines = [f"diff --git a/{path} b/{path}", f"--- a/{path}", f"+++ b/{path}"]
    for number, hunk in enumerate(hunks or ("x",)):
        lines += [f"@@ -{9 * number + 1} +{9 * number + 1} @@", "-old", f"+{hunk}"]
    return "\n".join([*lines, ""]).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Candidate]]:
    """A mirror, and a candidate for each of ten commits of a third of a year.

    Requirements change twice; `requirements.txt` names a package that does not build.
    """
    git = GitHistory.new(tmp_path_factory.mktemp("git") / "work")
    git.clock = int((START - timedelta(days=70)).timestamp())
    git.change({"setup.py": "setup(install_requires=['a'])", "requirements.txt": "bad\n"})
    candidates = []
    for number in range(1, 11):
        git.clock += 13 * 86400
        changed = {4: "a>1", 5: "a>2"}.get(number)
        files = {"setup.py": f"setup(install_requires=['{changed}'])"} if changed else {}
        base = git.change({**files, "m.py": str(number), "tests/test_m.py": "old"})
        head = git.change({"tests/test_m.py": f"new {number}"})
        created = datetime.fromtimestamp(git.clock, UTC) + timedelta(hours=1)
        candidates.append(
            replace(
                make_candidate(number),
                base_commit=base,
                head_commit=head,
                created_at=created,
                patch=patch_of("m.py", "fixed", "unneeded"),
                test_patch=patch_of("tests/test_m.py", f"new {number}"),
            )
        )
    return git.path / ".git", candidates


def resolve(manifest: Manifest, *, python: str, cutoff: datetime, settings: object) -> Any:
    """Lock as of *cutoff*; before the third day of a period nothing resolves "a>2"."""
    names = [item.name for item in manifest.requirements]
    if any(item.line == "a>2" for item in manifest.requirements) and cutoff.day % 2:
        return Failure(stage="lock", reason="unsatisfiable", detail="a>2")
    text = "".join(f"{name}==1\n" for name in names) + f"date=={cutoff:%Y.%j.%H}\n"
    return RequirementsLock(text=text, python=python, exclude_newer=cutoff)


class Interrupted(BaseException):
    """The call ends here, as if the process was killed."""


@dataclass
class Sandbox:
    """Builds and runs; a step that takes long counts, and may be the last one of the call."""

    name: str = "docker"
    steps_left: int = 1 << 30
    seen: list[str] = field(default_factory=list)

    def count(self, step: str) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Interrupted
        self.seen.append(step)

    def layer_names(self, spec: InstanceSpec) -> dict[str, str]:
        return {"environment": spec.lock.text}

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        key = f"{spec.lock.text} {spec.base_commit} {spec.checkout_layer_commit}"
        image = hashlib.sha256(key.encode()).hexdigest()
        if f"build {image}" not in self.seen:
            self.count(f"build {image}")
        if "bad==1" in spec.lock.packages:
            detail = "#7 1.0   × Failed to build `bad==1`"
            return Failure(stage="build", reason="environment-failed", detail=detail)
        return BuiltInstance(
            name=spec.name,
            backend="docker",
            handle=spec.checkout_layer_commit,
            environment_key=spec.lock.text,
            digest=image,
        )

    def run_tests(self, built: BuiltInstance, spec: RunSpec) -> RunResult:
        self.count(f"run {built.digest} {spec}")
        fixed = b"+fixed" in b"".join(spec.patches)
        outcome = Outcome.PASSED if fixed else Outcome.FAILED
        if built.name.endswith(("-3", "-9")):  # gold does not help, whatever the environment
            outcome = Outcome.FAILED
        return RunResult(
            status=RunStatus.COMPLETED, outcomes={"t::a": outcome}, output=b"".join(spec.patches)
        )

    def release_instance(self, name: str) -> None:
        """Nothing is held."""

    def abort_all(self) -> None:
        """Nothing runs any more."""


def validate(
    store: Store, mirror: Path, candidates: Sequence[Candidate], sandbox: Sandbox
) -> dict[str, Validation]:
    """Validate what has no verdict yet, as one call of the command; all records so far."""
    ctx = replace(make_context(store, sandbox, mirror), python_versions=("3.8", "3.9"))
    done = store.validated_inputs()
    tasks = [
        ValidationTask(candidate=it, recipe=RECIPE)
        for it in candidates
        if it.instance_id not in done
    ]
    summary = validate_tasks(tasks, OPTIONS, ctx)
    assert not summary.infra_failures
    found = {it.instance_id: store.get_validation(it.instance_id) for it in candidates}
    return {name: without_times(it) for name, it in found.items() if it}


def without_times(record: Validation) -> Validation:
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    return replace(record, started_at=moment, finished_at=moment)


@pytest.fixture
def alone(
    world: tuple[Path, list[Candidate]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Validation]:
    """The record of each candidate, validated in a store of its own."""
    monkeypatch.setattr(build, "compile_lock", resolve)
    mirror, candidates = world
    found: dict[str, Validation] = {}
    for it in candidates:
        with Store(tmp_path / it.instance_id) as store:
            found |= validate(store, mirror, [it], Sandbox())
    return found


def test_the_world_has_all_that_could_depend_on_an_order(
    world: tuple[Path, list[Candidate]], alone: dict[str, Validation]
) -> None:
    environments = [it.environment for it in alone.values() if it.environment]
    verified = [it for it in alone.values() if it.is_verified]
    assert 0 < len(verified) < len(alone)
    assert 1 < len({it.lock for it in environments}) < len(environments), "some share a lock"
    assert any(it.requirements_from == "base" and it.lock_adjustments for it in environments)
    assert any(len(it.attempts) > 1 for it in alone.values())
    for it in environments:
        assert it.date is not None
        assert timedelta() <= it.date - it.exclude_newer < PERIOD
    assert len({it.handle for it in environments}) < len(environments), "some share a checkout"


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_validations_changes_nothing(
    world: tuple[Path, list[Candidate]], alone: dict[str, Validation], tmp_path: Path, seed: int
) -> None:
    mirror, candidates = world
    shuffled = random.Random(seed).sample(candidates, len(candidates))
    with Store(tmp_path / "all") as store:
        assert validate(store, mirror, shuffled, Sandbox()) == alone


@pytest.mark.parametrize("steps", [1, 4])
def test_interrupted_calls_go_on_where_they_were_and_end_alike(
    world: tuple[Path, list[Candidate]], alone: dict[str, Validation], tmp_path: Path, steps: int
) -> None:
    mirror, candidates = world
    whole = Sandbox()
    with Store(tmp_path / "whole") as store:
        validate(store, mirror, candidates, whole)
    parts, found = Sandbox(), dict[str, Validation]()
    while len(found) < len(candidates):
        parts.steps_left = steps
        with Store(tmp_path / "parts") as store:
            try:
                found = validate(store, mirror, candidates, parts)
            except Interrupted:
                continue
    assert found == alone
    assert sorted(parts.seen) == sorted(whole.seen), "nothing ran twice"


def test_a_rejected_candidate_that_is_tried_again_runs_again(
    world: tuple[Path, list[Candidate]], alone: dict[str, Validation], tmp_path: Path
) -> None:
    mirror, candidates = world
    first, again = Sandbox(), Sandbox()
    rejected = [it for it in candidates if not alone[it.instance_id].is_verified]
    with Store(tmp_path / "store") as store:
        validate(store, mirror, rejected, first)
        ctx = replace(make_context(store, again, mirror), python_versions=("3.8", "3.9"))
        for it in rejected:
            validate_candidate(it, RECIPE, OPTIONS, ctx)
    runs = [[step for step in it.seen if step.startswith("run")] for it in (first, again)]
    assert runs[0] == runs[1] != []


def test_other_inputs_start_over(
    world: tuple[Path, list[Candidate]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compile_lock", resolve)
    mirror, (candidate, *_) = world
    sandbox = Sandbox(steps_left=4)
    with Store(tmp_path / "store") as store:
        with pytest.raises(Interrupted):
            validate(store, mirror, [candidate], sandbox)
        sandbox.steps_left, ran = 100, len(sandbox.seen)
        ctx = replace(make_context(store, sandbox, mirror), python_versions=("3.8", "3.9"))
        validate_candidate(candidate, RECIPE, replace(OPTIONS, runs=1), ctx)
    assert ran == 4  # two builds, the installed metadata, a run
    assert sandbox.seen[3] in sandbox.seen[ran:], "the run is not of these inputs"
