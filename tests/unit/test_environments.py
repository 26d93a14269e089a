"""How a trial gets its environment; backend, resolver and store are stand-ins."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import SandboxError
from curate.builders.lock.resolve import compute_lock_key
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RequirementsLock
from curate.builders.requirements import Manifest, Requirement
from curate.environments import build
from curate.environments.context import ValidationContext
from curate.environments.plan import RequirementsVariant, ValidationPlan
from curate.recipes import EnvRecipe, Recipe
from tests.helpers.fakes import UNUSED, fake

Built = tuple[RequirementsLock, BuiltInstance | Failure, dict[str, RequirementsLock], str]
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

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.locks: list[tuple[str, ...]] = []

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        self.locks.append(spec.lock.packages)
        for name in self.broken:
            if f"{name}==1" in spec.lock.packages:
                detail = f"#7 1.0   × Failed to build `{name}==1`"
                return Failure(stage="build", reason="environment-failed", detail=detail)
        return BuiltInstance(name=spec.name, backend="docker", handle="h", environment_key="k")


@pytest.fixture
def run_build(monkeypatch: pytest.MonkeyPatch) -> RunBuild:
    """Runs `build` for requirements; gives lock, outcome and the locks that were stored."""
    monkeypatch.setattr(build, "compile_lock", locked)

    def run(backend: Any, *names: str) -> Built:
        stored: dict[str, RequirementsLock] = {}
        known = manifest(*names)
        ctx = ValidationContext(
            store=fake(save_lock=stored.__setitem__),
            backend=backend,
            settings=UNUSED,
            python_versions=(),
            get_mirror=lambda repo: Path("/m"),
            stop_event=threading.Event(),
            report_step=lambda name, step: None,
            run_executor=UNUSED,
        )
        ground = RequirementsVariant(
            requirements_from="base", manifest=known, python="3.8", date=DATE
        )
        plan = ValidationPlan(
            candidate=fake(instance_id="o__r-1", repo="o/r", base_commit="a", version="1"),
            recipe=Recipe(repo="o/r"),
            env=EnvRecipe(),
            selection=UNUSED,
            variants=(ground,),
        )
        lock, built = build.build_with_fallbacks(plan, ground, locked(known), ctx)
        return lock, built, stored, compute_lock_key(known, "3.8")

    return run


def test_an_environment_that_builds_is_built_once_and_its_lock_left_alone(
    run_build: RunBuild,
) -> None:
    backend = Backend()
    _, built, stored, _ = run_build(backend, "pytest", "a")
    assert isinstance(built, BuiltInstance)
    assert len(backend.locks) == 1
    assert stored == {}


def test_optional_packages_that_do_not_build_are_left_out_and_the_lock_is_remembered(
    run_build: RunBuild,
) -> None:
    lock, built, stored, key = run_build(Backend("a", "b"), "pytest", "a", "b", "c")
    assert isinstance(built, BuiltInstance)
    assert lock.packages == ("pytest==1", "c==1")
    assert [sentence.split(":")[0] for sentence in lock.adjustments] == ["dropped a", "dropped b"]
    assert stored == {key: lock}


def test_a_core_package_that_does_not_build_is_a_failure(run_build: RunBuild) -> None:
    backend = Backend("pytest")
    _, built, stored, _ = run_build(backend, "pytest", "a")
    assert isinstance(built, Failure)
    assert built.reason == "environment-failed"
    assert len(backend.locks) == 1
    assert stored == {}


def test_there_is_an_end_to_building_again(run_build: RunBuild) -> None:
    names = [f"p{number}" for number in range(20)]
    backend = Backend(*names)
    _, built, _, _ = run_build(backend, "pytest", *names)
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
    monkeypatch.setattr(build, "BUILD_RETRY_SECONDS", 0)


def test_an_engine_that_fails_once_is_asked_again(run_build: RunBuild, at_once: None) -> None:
    _, built, _, _ = run_build(Moody(build.MAX_BUILD_ATTEMPTS - 1), "pytest")
    assert isinstance(built, BuiltInstance)


def test_an_engine_that_goes_on_failing_is_no_verdict(run_build: RunBuild, at_once: None) -> None:
    with pytest.raises(SandboxError):
        run_build(Moody(build.MAX_BUILD_ATTEMPTS), "pytest")
