"""How a trial gets its environment; backend, resolver and store are stand-ins."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import (
    BuiltInstance,
    Failure,
    InstanceSpec,
    RequirementsLock,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.requirements import Manifest, Requirement
from curate.environments import build, retry
from curate.environments.plan import ValidationPlan
from curate.environments.submodules import CandidateSubmodules
from curate.environments.variants import RequirementsVariant
from curate.recipes import EnvRecipe, Recipe
from curate.store import Store
from tests.helpers.fakes import UNUSED, fake, make_context

Built = tuple[RequirementsLock, BuiltInstance | Failure]
RunBuild = Callable[..., Built]


DATE = datetime(2023, 1, 1, tzinfo=UTC)


def manifest(*names: str) -> Manifest:
    core = ("pytest",)
    return Manifest(
        requirements=tuple(
            Requirement(line=name, name=name, origin="r.txt", is_core=name in core)
            for name in names
        )
    )


def locked(known: Manifest, **_: object) -> RequirementsLock:
    text = "".join(f"{item.name}==1\n    # via -r requirements.in\n" for item in known.requirements)
    return RequirementsLock(text=text, python="3.8", exclude_newer=DATE)


class Backend:
    """Builds locks that hold none of *broken*, and says which one did not build."""

    name = "docker"

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.locks: list[tuple[str, ...]] = []

    def layer_names(self, spec: InstanceSpec) -> dict[str, str]:
        return {"environment": " ".join(spec.lock.packages)}

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        self.locks.append(spec.lock.packages)
        for name in self.broken:
            if f"{name}==1" in spec.lock.packages:
                detail = f"#7 1.0   × Failed to build `{name}==1`"
                return Failure(stage="build", reason="environment-failed", detail=detail)
        return BuiltInstance(name=spec.name, backend="docker", handle="h", environment_key="k")

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        return RunResult(status=RunStatus.CRASHED)  # nothing is installed


@pytest.fixture
def run_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunBuild:
    """Runs `build` for requirements, with one store for all calls; gives lock and outcome."""
    monkeypatch.setattr(build, "compile_lock", locked)
    monkeypatch.setattr(build, "find_commit_at", lambda mirror, commit, date: "")
    monkeypatch.setattr(build, "find_submodules", lambda *_: CandidateSubmodules(mirrors={}))

    def run(backend: Any, *names: str, aborting: bool = False) -> Built:
        known = manifest(*names)
        ground = RequirementsVariant(
            requirements_from="base", manifest=known, python="3.8", date=DATE, cutoff=DATE
        )
        plan = ValidationPlan(
            candidate=fake(instance_id="o__r-1", repo="o/r", base_commit="a", version="1"),
            recipe=Recipe(repo="o/r"),
            env=EnvRecipe(),
            selection=UNUSED,
            variants=(ground,),
        )
        with Store(tmp_path) as store:
            ctx = make_context(store, backend)
            if aborting:
                ctx.abort_event.set()
            return build.build_with_fallbacks(plan, ground, locked(known), ctx)

    return run


def test_an_environment_that_builds_is_built_once(run_build: RunBuild) -> None:
    backend = Backend()
    _, built = run_build(backend, "pytest", "a")
    assert isinstance(built, BuiltInstance)
    assert len(backend.locks) == 1


def test_optional_packages_that_do_not_build_are_left_out_and_not_tried_again(
    run_build: RunBuild,
) -> None:
    first, second = Backend("a", "b"), Backend("a", "b")
    lock, built = run_build(first, "pytest", "a", "b", "c")
    assert isinstance(built, BuiltInstance)
    assert lock.packages == ("c==1", "pytest==1")
    assert [sentence.split(":")[0] for sentence in lock.adjustments] == ["dropped a", "dropped b"]
    assert run_build(second, "pytest", "a", "b", "c") == (lock, built)
    assert (len(first.locks), len(second.locks)) == (3, 1)


def test_a_core_package_that_does_not_build_is_a_failure(run_build: RunBuild) -> None:
    backend = Backend("pytest")
    _, built = run_build(backend, "pytest", "a")
    assert isinstance(built, Failure)
    assert built.reason == "environment-failed"
    assert len(backend.locks) == 1


def test_there_is_an_end_to_building_again(run_build: RunBuild) -> None:
    names = [f"p{number}" for number in range(20)]
    backend = Backend(*names)
    _, built = run_build(backend, "pytest", *names)
    assert isinstance(built, Failure)
    assert len(backend.locks) == build.MAX_BUILD_FALLBACKS


class Moody(Backend):
    """Fails *times* times before it builds."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        self.times -= 1
        if self.times >= 0:
            raise SandboxError("no network")
        return super().build_instance(spec)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0)


def test_an_engine_that_fails_once_is_asked_again(run_build: RunBuild, at_once: None) -> None:
    _, built = run_build(Moody(retry.MAX_ATTEMPTS - 1), "pytest")
    assert isinstance(built, BuiltInstance)


def test_an_engine_that_goes_on_failing_is_no_verdict(run_build: RunBuild, at_once: None) -> None:
    with pytest.raises(SandboxError):
        run_build(Moody(retry.MAX_ATTEMPTS), "pytest")


def test_what_commands_return_while_they_are_killed_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[RequirementsLock | Failure] = [
        Failure(stage="lock", reason="unbuildable"),
        locked(manifest("a")),
        locked(manifest("b")),
    ]
    monkeypatch.setattr(build, "compile_lock", lambda *_, **__: answers.pop(0))
    plan: Any = fake(candidate=fake(instance_id="o__r-1"))
    ground = RequirementsVariant(
        requirements_from="base", manifest=manifest("a"), python="3.8", date=DATE, cutoff=DATE
    )
    with Store(tmp_path) as store:
        ctx = make_context(store, UNUSED)
        ctx.abort_event.set()
        for _ in range(2):
            build.get_or_create_lock(plan, ground, DATE, ctx)
        assert build.find_lock(ground, DATE, store) is None
        later = make_context(store, UNUSED)
        found = build.get_or_create_lock(plan, ground, DATE, later)
        assert found == build.find_lock(ground, DATE, store) == locked(manifest("b"))


def test_a_build_that_is_killed_is_tried_by_the_next_call(run_build: RunBuild) -> None:
    killed, whole = Backend("pytest"), Backend()
    run_build(killed, "pytest", aborting=True)
    _, built = run_build(whole, "pytest")
    assert isinstance(built, BuiltInstance)
