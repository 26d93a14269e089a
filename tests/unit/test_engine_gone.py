"""An engine that goes away or refuses, at any request: an exception of ours, never a verdict."""

import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, cast

import docker
import pytest
import requests

from curate.builders.backends import docker as backends
from curate.builders.backends.docker import DockerBackend
from curate.builders.backends.local import LocalBackend
from curate.builders.errors import DiskFullError, EngineUnavailableError, SandboxError
from curate.builders.model import BuiltInstance, Outcome, RunResult, RunSpec, RunStatus
from curate.builders.sandbox import docker as sandbox
from curate.builders.sandbox import local
from curate.builders.settings import BuildSettings
from curate.environments.context import ValidationCancelledError
from curate.validate import runs
from tests.helpers.fakes import UNUSED, fake

MakeBackend = Callable[[Exception], DockerBackend]


GONE = requests.exceptions.ConnectionError("Connection aborted.", ConnectionRefusedError())
REFUSED = docker.errors.APIError("500 Server Error: containerd is not there")


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeBackend:
    """A backend whose engine answers every request by raising what it is given."""
    monkeypatch.setattr(backends, "find_build_client", lambda named: None)

    def of(error: Exception) -> DockerBackend:
        def fail(*_: object, **__: object) -> NoReturn:
            raise error

        plan = fake(layers=())
        monkeypatch.setattr(DockerBackend, "plan_image_of", lambda self, spec: plan)
        made = DockerBackend(BuildSettings(cache_dir=tmp_path))
        made.__dict__["engine"] = fake(
            info=fail, images=fake(remove=fail), containers=fake(list=fail)
        )
        return made

    return of


@pytest.mark.parametrize(
    ("error", "kind"), [(GONE, EngineUnavailableError), (REFUSED, SandboxError)]
)
def test_every_method_says_so(
    backend: MakeBackend, error: Exception, kind: type[Exception]
) -> None:
    spec = fake(name="n", python="3.11")
    broken = backend(error)
    for method in (lambda: broken.build_instance(spec), broken.cleanup):
        with pytest.raises(kind):
            method()


def test_contexts_are_swept_though_the_engine_is_gone(backend: MakeBackend, tmp_path: Path) -> None:
    left = tmp_path / "contexts" / "curate-build-x"
    left.mkdir(parents=True)
    with pytest.raises(EngineUnavailableError):
        backend(GONE).cleanup()
    assert not left.exists()


class Container:
    """A client whose only container is slow or unwilling to go."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.api = fake(remove_container=self.remove)

    def remove(self, name: str, **_: object) -> NoReturn:
        raise self.error


def refusal(status: int) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("no", response=response)


@pytest.mark.parametrize(
    "error", [requests.exceptions.ReadTimeout(), docker.errors.NotFound("no"), refusal(409)]
)
def test_a_container_that_takes_its_time_to_go_ends_nothing(error: Exception) -> None:
    sandbox.remove_container(cast(docker.DockerClient, Container(error)), "c")
    with pytest.raises(docker.errors.APIError):
        sandbox.remove_container(cast(docker.DockerClient, Container(refusal(500))), "c")


@pytest.mark.parametrize("backend_of", [DockerBackend, LocalBackend])
def test_a_run_that_ends_on_a_full_disk_is_no_verdict(
    backend_of: type[DockerBackend] | type[LocalBackend],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in ((sandbox, "run_in_container"), (local, "run_locally")):
        monkeypatch.setattr(module, name, lambda *_, **__: WHOLE)
    made = backend_of(BuildSettings(cache_dir=tmp_path))
    made.__dict__ |= {"machine_cpus": 2, "engine": None, "layer_dir": tmp_path}
    assert made.run_tests(UNUSED, UNUSED) is WHOLE
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: fake(free=1 << 20))
    with pytest.raises(DiskFullError):
        made.run_tests(UNUSED, UNUSED)


def sound(*results: RunResult) -> RunResult:
    """The result of a run that gives *results* one after the other."""
    ctx = fake(stop_event=threading.Event(), backend=fake(run_tests=_one_by_one(results)))
    built = BuiltInstance(name="n", backend="docker", handle="h", environment_key="k")
    return runs.run_until_complete(ctx, built, RunSpec(command="pytest"))


def _one_by_one(results: Iterable[RunResult]) -> Callable[[object, object], RunResult]:
    waiting = list(results)
    return lambda built, execution: waiting.pop(0)


CUT = RunResult(status=RunStatus.CRASHED, exit_code=143, was_interrupted=True)
WHOLE = RunResult(status=RunStatus.COMPLETED, outcomes={"t": Outcome.PASSED})


def test_a_run_that_is_cut_short_once_is_run_again() -> None:
    assert sound(CUT, WHOLE) is WHOLE


def test_tests_that_cut_their_run_short_each_time_have_crashed() -> None:
    assert sound(CUT, CUT, CUT) is CUT


def test_nothing_is_run_again_after_a_stop() -> None:
    ctx = fake(stop_event=threading.Event(), backend=None)
    ctx.stop_event.set()
    with pytest.raises(ValidationCancelledError):
        runs.run_until_complete(ctx, UNUSED, UNUSED)
