"""The behaviours of living sandboxes on a real engine, with overlays and without."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import BuiltInstance, ResourceLimits
from curate.builders.session.docker import SESSION_LABEL, DockerSessions
from curate.builders.session.layers import LayerStore
from curate.builders.session.model import COPY, OVERLAY, Session, SessionOptions
from curate.builders.settings import BuildSettings
from tests.helpers.containers import project_image
from tests.helpers.serving import wait_until
from tests.helpers.session_behaviours import (
    CHECKS,
    CONVERSATIONS,
    FILES,
    Conversation,
    check_disk,
    check_memory,
    check_processes,
    check_snapshots,
    count_layers,
    run,
    say,
)

pytestmark = pytest.mark.xdist_group("containers")
LIMITS = ResourceLimits(memory_bytes=256 << 20, pids=200, disk_bytes=64 << 20)


@pytest.fixture(scope="module")
def built(
    client: docker.DockerClient, image_with_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BuiltInstance]:
    folder = tmp_path_factory.mktemp("project") / "testbed"
    with project_image(client, image_with_python, folder, FILES) as built:
        yield built


def make_sessions(
    client: docker.DockerClient, built: BuiltInstance, folder: Path, *, network: bool = False
) -> DockerSessions:
    options = SessionOptions(limits=LIMITS, env_vars={"FROM_TASK": "1"}, network=network)
    settings = BuildSettings(cache_dir=folder)
    return DockerSessions(client, built.handle, options, settings, LayerStore(folder))


@pytest.fixture(scope="module", params=[OVERLAY, COPY])
def sessions(
    request: pytest.FixtureRequest,
    client: docker.DockerClient,
    built: BuiltInstance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DockerSessions]:
    made = make_sessions(client, built, tmp_path_factory.mktemp("layers"))
    if request.param == COPY:
        vars(made)["snapshot_note"] = "the test says so"  # as if this were no root
    elif made.snapshot_note:
        pytest.skip(made.snapshot_note)
    made.pool.size = 1
    yield made
    made.close()


@pytest.fixture
def session(sessions: DockerSessions) -> Iterator[Session]:
    opened = sessions.open()
    yield opened
    opened.close()


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each.name)
def test_conversation(conversation: Conversation, session: Session) -> None:
    conversation.check(session)


@pytest.mark.parametrize(
    "check", [*CHECKS, check_memory, check_processes, check_disk], ids=lambda each: each.__name__
)
def test_behaviour(check: Callable[[Session], None], session: Session) -> None:
    check(session)


def test_shell_is_the_user_of_validation_without_any_right(session: Session) -> None:
    assert say(session, "id -u; id -g; hostname; echo $HOME") == "1000\n1000\nsandbox\n/tmp\n"
    status = dict(line.split(":", 1) for line in say(session, "cat /proc/self/status").splitlines())
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    for forbidden in ("kill -9 1", "touch /usr/x", "ls /proc/1/root/", "chroot / true"):
        assert run(session, forbidden).exit_code != 0


def test_killing_all_processes_ends_the_shell_alone(session: Session) -> None:
    say(session, "echo kept > new")
    result = run(session, "sh -c 'kill -9 -1'")
    assert result.exit_code is None
    assert "signal 9" in result.new_shell
    assert say(session, "cat new") == "kept\n"


def test_whole_tree_goes_back(client: docker.DockerClient, session: Session) -> None:
    if session.snapshot_method == COPY:
        pytest.skip("copies are of the checkout, the environment and /tmp")
    say(session, "touch /tmp/a /dev/shm/b")
    kept = session.save()
    say(session, "rm /tmp/a; touch /tmp/c /var/tmp/d")
    session.restore(kept)
    assert say(session, "ls /tmp /var/tmp") == "/tmp:\na\n\n/var/tmp:\n"


def test_next_session_finds_nothing_of_the_last_one(sessions: DockerSessions) -> None:
    for command in ("touch /dev/shm/left", "touch /tmp/left left; sleep 300 & true"):
        session = sessions.open()
        say(session, command)
        session.close()
        following = sessions.open()
        assert say(following, "ls /dev/shm /tmp | grep left || :; ls | grep left || :") == ""
        assert "sleep" not in say(following, "cat /proc/[0-9]*/comm")
        following.close()


def test_first_session_goes_back(
    client: docker.DockerClient, built: BuiltInstance, tmp_path: Path
) -> None:
    sessions = make_sessions(client, built, tmp_path)
    session = sessions.open()
    try:
        check_snapshots(session)
    finally:
        session.close()
        sessions.close()


def test_network_is_a_setting(
    client: docker.DockerClient, built: BuiltInstance, tmp_path: Path
) -> None:
    sessions = make_sessions(client, built, tmp_path, network=True)
    session = sessions.open()
    try:
        assert "eth0" in say(session, "cat /proc/net/dev")
    finally:
        session.close()
        sessions.close()


def test_container_that_is_removed_is_replaced_with_its_files(
    client: docker.DockerClient, sessions: DockerSessions
) -> None:
    session = sessions.open()
    try:
        say(session, "echo kept > new")
        name = say(session, "cat /proc/sys/kernel/hostname; cat new").strip()
        assert name
        client.api.remove_container(session._place.name, force=True)
        if sessions.method == COPY:
            with pytest.raises(SandboxError, match="has ended"):
                run(session, "true")
            return
        result = run(session, "true")
        assert "has ended" in result.new_shell
        assert say(session, "cat new") == "kept\n"
    finally:
        session.close()


def test_nothing_is_left_after_the_end(
    client: docker.DockerClient, built: BuiltInstance, tmp_path: Path
) -> None:
    sessions = make_sessions(client, built, tmp_path)
    sessions.pool.size = 1
    opened = [sessions.open() for _ in range(3)]
    for session in opened:
        say(session, "sleep 300 & true")
        session.save()
    for session in (*opened, *opened):
        session.close()
    sessions.close()
    wait_until(lambda: not _containers(client, tmp_path))
    assert count_layers(tmp_path) == 0


KILLED = """\
import sys, time, docker
from pathlib import Path
from tests.integration.test_docker_session import *
built = BuiltInstance(name="t", backend="docker", handle=sys.argv[1], environment_key="k")
sessions = make_sessions(docker.from_env(), built, Path(sys.argv[2]))
session = sessions.open()
print(say(session, "sleep 300 & echo started").split()[-1], flush=True)
session.run(b"sleep 300", 300, 1000)
"""


def test_kill_of_the_owner_ends_everything(
    client: docker.DockerClient, built: BuiltInstance, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, built.handle, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd()) as process:
        assert process.stdout
        line, count = process.stdout.readline(), len(_containers(client, tmp_path))
        process.send_signal(signal.SIGKILL)
    assert (line, count) == (b"started\n", 1)
    wait_until(lambda: not _containers(client, tmp_path))
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def _containers(client: docker.DockerClient, folder: Path) -> list[str]:
    label = f"{SESSION_LABEL}={folder}"
    return [str(it["Id"]) for it in client.api.containers(all=True, filters={"label": label})]
