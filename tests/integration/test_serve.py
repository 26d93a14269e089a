"""Environments over HTTP on the sample project: fifty at once, and a server that is killed."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from curate.builders.sandbox.docker import OWNER_LABEL
from curate.builders.session.docker import SESSION_LABEL
from curate.core.errors import NetworkError
from curate.core.settings import Settings
from curate.environments.tasks import find_task
from curate.gym.make import open_dataset
from curate.serve import RemoteEnvironment, RemoteServer
from curate.serve.options import TOKEN_VARIABLE
from tests.demo.sample import ROOT
from tests.helpers.serving import TOKEN, connect, serving, wait_until
from tests.integration.test_gym import NAME, Validated, validated

pytestmark = [pytest.mark.xdist_group("builds"), pytest.mark.heavy]
__all__ = ["validated"]
COUNT = 50


def containers_of(folder: Path) -> list[str]:
    """Containers of sessions whose owner has its files in *folder*."""
    return [name for name, mark in _list_labels(SESSION_LABEL) if mark.startswith(str(folder))]


def runs_of(settings: Settings) -> list[str]:
    """Containers of test runs that any process of the data directory has started."""
    return [name for name, owner in _list_labels(OWNER_LABEL) if settings.run_owner in owner]


def _list_labels(label: str) -> list[tuple[str, str]]:
    client = docker.from_env()
    found = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    return [(it.name or "", it.labels[label]) for it in found]


def test_an_agent_elsewhere_solves_the_task(validated: Validated) -> None:
    with open_dataset("", "train", validated.settings) as source:
        gold = find_task(source, NAME).gold
    with serving(validated.settings, sandbox=validated.sandbox) as server:
        client = connect(server)
        assert client.grade(NAME, gold).resolved
        with client.make(NAME) as environment, validated.make() as here:
            assert environment.reset() == here.reset()
            for each in (environment, here):
                each.step(f"git apply <<'END'\n{gold.decode()}\nEND")
            assert environment.diff() == here.diff() != b""
            name = environment.snapshot()
            twin = environment.fork()
            environment.step("git checkout -q . && git clean -fdq")
            assert environment.diff() == b""
            environment.restore(name)
            assert [it.submit().reward for it in (environment, twin)] == [1.0, 1.0]


def test_fifty_environments_at_once(validated: Validated) -> None:
    def use(environment: RemoteEnvironment) -> str:
        environment.reset()
        said = environment.step("echo $((6 * 7))")[0]
        environment.close()
        return said

    with (
        serving(validated.settings, sandbox=validated.sandbox, max_environments=COUNT) as server,
        ThreadPoolExecutor(COUNT) as threads,
    ):
        client = connect(server)
        opened = [client.make(NAME) for _ in range(COUNT)]
        assert list(threads.map(use, opened)) == ["42\n"] * COUNT


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_container_outlives_the_server(
    validated: Validated, tmp_path: Path, number: signal.Signals
) -> None:
    if validated.sandbox != "docker":
        pytest.skip("of containers")
    settings = validated.settings.model_copy(update={"cache_dir": tmp_path / "cache"})
    for ending in (number, signal.SIGTERM):
        process, url = start(settings, tmp_path)
        environment = RemoteServer(url, TOKEN).make(NAME)
        environment.reset()
        assert environment.step("(sleep 1000 &); echo on")[0] == "on\n"
        assert containers_of(tmp_path)
        process.send_signal(ending)
        assert process.wait(60) == (0 if ending is signal.SIGTERM else -ending)
    wait_until(lambda: not containers_of(tmp_path))


def test_tests_of_a_patch_do_not_outlive_a_killed_server(
    validated: Validated, tmp_path: Path
) -> None:
    if validated.sandbox != "docker":
        pytest.skip("of containers")
    settings = validated.settings.model_copy(update={"cache_dir": tmp_path / "cache"})
    process, url = start(settings, tmp_path)
    with RemoteServer(url, TOKEN).make(NAME) as environment:
        environment.reset()
        sources = "git ls-files '*.py' | grep -v test"
        environment.step(
            f"for f in $({sources}); do echo 'import time; time.sleep(600)' >> $f; done"
        )
        hanging = environment.diff()
    assert b"sleep(600)" in hanging
    with ThreadPoolExecutor(1) as thread:
        grade = thread.submit(RemoteServer(url, TOKEN).grade, NAME, hanging)
        wait_until(lambda: runs_of(settings))
        process.kill()
        process.wait()
        assert isinstance(grade.exception(), NetworkError)
    process, _ = start(settings, tmp_path)
    assert not runs_of(settings)
    process.terminate()
    assert process.wait(60) == 0


def start(settings: Settings, folder: Path) -> tuple["subprocess.Popen[str]", str]:
    """Start `curate serve` as a process; return it and its address."""
    variables = {
        TOKEN_VARIABLE: TOKEN,
        "PYTHONPATH": str(ROOT),
        "CURATE_DATA_DIR": str(settings.data_dir.absolute()),
        "CURATE_CACHE_DIR": str(settings.cache_dir.absolute()),
    }
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "curate", "serve", "--port", "0", "--json", "-j", "1"],
            cwd=folder,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2)]
    assert '"url"' in lines[1], (folder / "log").read_text()
    return process, lines[1].split('"')[3]
