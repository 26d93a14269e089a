"""An engine that goes away or refuses, at any request: an exception of ours, never a verdict."""

import threading
from types import SimpleNamespace

import docker
import pytest
import requests

from builders import docker as backends
from builders.docker import DockerBackend
from builders.errors import EngineUnavailable, SandboxError
from builders.model import Built, Execution, Outcome, RunResult, RunStatus
from builders.settings import BuildSettings
from curate import running
from curate.workshop import Interrupted

GONE = requests.exceptions.ConnectionError("Connection aborted.", ConnectionRefusedError())
REFUSED = docker.errors.APIError("500 Server Error: containerd is not there")


@pytest.fixture
def backend(tmp_path, monkeypatch):
    """A backend whose engine answers every request by raising what it is given."""
    monkeypatch.setattr(backends, "find_build_client", lambda named: None)

    def of(error):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr(backends, "build_instance", fail)
        monkeypatch.setattr(DockerBackend, "names", lambda self, spec: {"environment": "e"})
        made = DockerBackend(BuildSettings(cache=tmp_path))
        made.__dict__["engine"] = SimpleNamespace(
            images=SimpleNamespace(remove=fail), containers=SimpleNamespace(list=fail)
        )
        return made

    return of


@pytest.mark.parametrize(("error", "kind"), [(GONE, EngineUnavailable), (REFUSED, SandboxError)])
def test_every_method_says_so(backend, error, kind):
    spec = SimpleNamespace(name="n", python="3.11")
    broken = backend(error)
    for method in (lambda: broken.build(spec), broken.sweep):
        with pytest.raises(kind):
            method()


def test_contexts_are_swept_though_the_engine_is_gone(backend, tmp_path):
    left = tmp_path / "contexts" / "curate-build-x"
    left.mkdir(parents=True)
    with pytest.raises(EngineUnavailable):
        backend(GONE).sweep()
    assert not left.exists()


def sound(*results):
    """The result of a run that gives *results* one after the other."""
    shop = SimpleNamespace(
        stop=threading.Event(), backend=SimpleNamespace(run=_one_by_one(results))
    )
    built = Built(name="n", backend="docker", handle="h", environment_key="k")
    return running._sound(shop, built, Execution(command="pytest"))


def _one_by_one(results):
    waiting = list(results)
    return lambda built, execution: waiting.pop(0)


CUT = RunResult(status=RunStatus.CRASHED, exit_code=143, cut_short=True)
WHOLE = RunResult(status=RunStatus.COMPLETED, outcomes={"t": Outcome.PASSED})


def test_a_run_that_is_cut_short_once_is_run_again():
    assert sound(CUT, WHOLE) is WHOLE


def test_tests_that_cut_their_run_short_each_time_have_crashed():
    assert sound(CUT, CUT, CUT) is CUT


def test_nothing_is_run_again_after_a_stop():
    shop = SimpleNamespace(stop=threading.Event(), backend=None)
    shop.stop.set()
    with pytest.raises(Interrupted):
        running._sound(shop, None, None)
