"""The behaviours of living sandboxes on this machine, with overlays and without."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curate.builders.errors import SandboxError
from curate.builders.model import ResourceLimits
from curate.builders.session.layers import LayerStore
from curate.builders.session.local import LocalSessions
from curate.builders.session.model import COPY, OVERLAY, Session, SessionOptions
from curate.builders.settings import BuildSettings
from tests.helpers.lean_python import make_lean_environment
from tests.helpers.sandbox_behaviours import lay_project
from tests.helpers.serving import wait_until
from tests.helpers.session_behaviours import (
    CHECKS,
    CONVERSATIONS,
    FILES,
    Conversation,
    check_disk,
    check_memory,
    check_no_network,
    check_processes,
    count_layers,
    say,
)

LIMITS = ResourceLimits(memory_bytes=512 << 20, pids=200, disk_bytes=64 << 20)


def make_sessions(folder: Path, **options: object) -> LocalSessions:
    lay_project(folder / "built" / "checkout", FILES)
    (folder / "built" / "venv").symlink_to(make_lean_environment())
    (folder / "layers").mkdir()
    chosen = SessionOptions(limits=LIMITS, **options)  # type: ignore[arg-type]
    settings = BuildSettings(cache_dir=folder)
    return LocalSessions(str(folder / "built"), chosen, settings, LayerStore(folder / "layers"))


@pytest.fixture(scope="module", params=[OVERLAY, COPY])
def sessions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalSessions]:
    made = make_sessions(tmp_path_factory.mktemp("sessions"), env_vars={"FROM_TASK": "1"})
    if request.param == COPY:
        vars(made)["snapshot_note"] = "the test says so"  # as if the kernel had refused
    elif made.snapshot_note:
        pytest.skip(made.snapshot_note)
    yield made
    made.close()


@pytest.fixture
def session(sessions: LocalSessions) -> Iterator[Session]:
    opened = sessions.open()
    yield opened
    opened.close()


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each.name)
def test_conversation(conversation: Conversation, session: Session) -> None:
    conversation.check(session)


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.__name__)
def test_behaviour(
    check: Callable[[Session], None], session: Session, sessions: LocalSessions
) -> None:
    if check is check_no_network and sessions.method == COPY and os.geteuid() != 0:
        pytest.skip("the kernel may not allow it")
    check(session)


def test_limit_of_memory(session: Session, sessions: LocalSessions) -> None:
    if sessions.method == COPY:
        with pytest.raises(SandboxError, match="ended"):
            check_memory(session)
    else:
        check_memory(session)


def test_limit_of_processes(session: Session, sessions: LocalSessions) -> None:
    if sessions.method == COPY:
        with pytest.raises(SandboxError, match="ended"):
            check_processes(session)
    else:
        check_processes(session)


def test_limit_of_disk(session: Session) -> None:
    check_disk(session)


def test_variables_are_those_of_the_task_and_none_of_this_process(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    found = say(session, "env")
    assert "FROM_TASK=1" in found
    assert "GITHUB_TOKEN" not in found


def test_instance_is_never_changed(session: Session, sessions: LocalSessions) -> None:
    say(session, "rm -r module.py folder; echo x > x; git add -A")
    checkout = sessions.instance / "checkout"
    status = subprocess.check_output(["git", "-C", checkout, "status", "--porcelain"])
    assert status == b""
    other = sessions.open()
    try:
        assert say(other, "ls; git status --short") == "data.bin\nfolder\nmodule.py\n"
    finally:
        other.close()


def test_nothing_is_left_after_the_end(tmp_path: Path) -> None:
    sessions = make_sessions(tmp_path)
    opened = [sessions.open() for _ in range(3)]
    pid = int(say(opened[0], "sleep 300 & echo $!").split()[-1])
    opened[0].save()
    for session in (*opened, *opened):  # closing twice does nothing
        session.close()
    sessions.close()
    wait_until(lambda: count_layers(tmp_path / "layers") == 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
