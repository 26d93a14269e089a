"""An engine that is killed under builds and runs, and is back at once or later."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from curate.builders.engine.buildkit import BuildRequest, find_build_client, run_build
from curate.builders.errors import EngineUnavailableError
from curate.builders.model import BuiltInstance, ResourceLimits, RunSpec
from curate.builders.sandbox.docker import ContainerOptions, remove_containers, run_in_container
from tests.helpers.private_engine import PrivateEngine, available

pytestmark = [
    pytest.mark.xdist_group("containers"),
    pytest.mark.skipif(not available(), reason="an engine of its own needs root, dockerd and ip"),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    with PrivateEngine(tmp_path_factory.mktemp("engine")) as engine:
        engine.load(os.environ["CURATE_BASE_IMAGE"])
        yield engine


@contextmanager
def killed(
    engine: PrivateEngine, is_time: Callable[[], object], *, at_once: bool
) -> Iterator[None]:
    """Kill *engine* when *is_time*, and start it again at once or in the end."""

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not is_time() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        engine.kill()
        if at_once:
            engine.start()

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join()
    if not at_once:
        engine.start()


@pytest.mark.parametrize("at_once", [True, False], ids=["back at once", "back later"])
def test_a_run_is_no_verdict_and_its_container_is_swept(
    engine: PrivateEngine, at_once: bool
) -> None:
    built = BuiltInstance(
        name="t", backend="docker", handle=os.environ["CURATE_BASE_IMAGE"], environment_key="k"
    )
    execution = RunSpec(command="sleep 60", limits=ResourceLimits(seconds=90))
    client = engine.client
    with (
        killed(engine, client.containers.list, at_once=at_once),
        pytest.raises(EngineUnavailableError),
    ):
        run_in_container(
            engine.client, built, execution, ContainerOptions(checkout="/curate/out", owner="o")
        )
    remove_containers(engine.client, "o")
    assert engine.client.containers.list(all=True) == []


@pytest.mark.parametrize("at_once", [True, False], ids=["back at once", "back later"])
def test_a_build_is_no_verdict(
    engine: PrivateEngine, at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    began = time.monotonic()
    with (
        killed(engine, lambda: time.monotonic() - began > 5, at_once=at_once),
        pytest.raises(EngineUnavailableError),
    ):
        run_build(
            find_build_client(os.environ.get("CURATE_DOCKER_CLI", "")),
            BuildRequest(
                dockerfile=f"FROM {os.environ['CURATE_BASE_IMAGE']}\n"
                "RUN echo 'exit code: 1 did not complete successfully' && sleep 60\n",
                context=tmp_path,
                temp_dir=tmp_path,
                tag="killed:1",
            ),
        )
