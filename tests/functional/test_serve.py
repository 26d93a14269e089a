"""The server over real connections: tokens, errors, two clients at once, lost ones, limits."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curate.builders.errors import SandboxError
from curate.core.errors import AuthenticationError, ConfigurationError, NetworkError, NotFoundError
from curate.core.settings import Settings
from curate.harness.grade import GradeReason
from curate.serve import RemoteEnvironment, RemoteServer
from curate.serve.errors import BusyError, ErrorKind, LimitReachedError
from curate.serve.messages import ErrorReply
from curate.serve.run import Server
from tests.helpers.serving import (
    ID,
    TOKEN,
    connect,
    is_running,
    make_settings,
    request,
    send_and_leave,
    serving,
    wait_until,
)

UNKNOWN = "0" * 32


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_settings(tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Server]:
    with serving(settings, step_seconds=60.0, body_bytes=1 << 20) as server:
        yield server


@pytest.fixture
def environment(server: Server) -> Iterator[RemoteEnvironment]:
    with connect(server).make(ID) as opened:
        opened.reset()
        yield opened


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"]
)
def test_nothing_is_answered_without_the_token(server: Server, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for method, path, body in (
        ("GET", "/tasks", None),
        ("GET", "/nowhere", None),
        ("POST", "/environments", b"no JSON"),
        ("POST", "/environments", b"x" * (2 << 20)),
        ("DELETE", f"/environments/{UNKNOWN}", None),
    ):
        reply = request(server, method, path, token=None, headers=headers, body=body)
        assert reply.status == 401, path
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert ErrorReply.model_validate_json(reply.data).kind is ErrorKind.UNAUTHORIZED
        assert TOKEN not in reply.data.decode()
    with pytest.raises(AuthenticationError, match="token"):
        RemoteServer(server.url, "wrong").list_tasks()


def test_health_and_description_need_no_token(server: Server) -> None:
    assert RemoteServer(server.url, "wrong").get_health().status == "ok"
    document = json.loads(request(server, "GET", "/openapi.json", token=None).data)
    assert document["openapi"].startswith("3.1")
    assert request(server, "GET", "/tasks", headers={"Authorization": f"bearer {TOKEN}"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/nowhere", None, 404, "not-found"),
        ("PUT", "/environments", None, 405, "method-not-allowed"),
        ("GET", f"/environments/{UNKNOWN}", None, 404, "not-found"),
        ("GET", "/environments/x", None, 422, "invalid"),
        ("DELETE", f"/environments/{UNKNOWN}", None, 404, "not-found"),
        ("GET", "/tasks/owner__name-8", None, 404, "not-found"),
        ("GET", "/tasks?limit=0", None, 422, "invalid"),
        ("GET", "/tasks?page=1", None, 422, "invalid"),
        ("POST", "/environments", b"{", 422, "invalid"),
        ("POST", "/environments", b"[" * 100_000, 400, "invalid"),
        ("POST", "/environments", b"\xff", 400, "invalid"),
        ("POST", "/environments", {"instance_id": "owner__name-8"}, 404, "not-found"),
        ("POST", "/environments", {"instance_id": ID, "step_seconds": 61}, 400, "invalid"),
        ("POST", "/environments", {"instance_id": ID, "output_bytes": 1}, 422, "invalid"),
        ("POST", "/environments", {"instance_id": ID, "sandbox": "local"}, 422, "invalid"),
        ("POST", "/environments", {"instance_id": ID, "dataset": "/etc/passwd"}, 422, "invalid"),
        ("POST", f"/tasks/{ID}/grade", {}, 422, "invalid"),
        ("POST", f"/tasks/{ID}/grade", {"patch": "a", "patch_base64": ""}, 422, "invalid"),
        ("POST", f"/tasks/{ID}/grade", {"patch_base64": "%"}, 422, "invalid"),
        ("POST", f"/tasks/{ID}/grade", b'{"patch": "\\ud800"}', 422, "invalid"),
        ("POST", f"/tasks/{ID}/grade", {"patch": "x" * (2 << 20)}, 413, "too-large"),
        ("POST", "/tasks/owner__name-8/grade", {"patch": ""}, 404, "not-found"),
    ],
)
def test_every_error_is_one_kind_of_reply(
    server: Server, method: str, path: str, body: object, status: int, kind: str
) -> None:
    content = body if body is None or isinstance(body, bytes) else json.dumps(body)
    headers = {"Content-Type": "application/json"} if content else {}
    reply = request(server, method, path, body=content, headers=headers)
    assert reply.status == status, reply.data
    error = ErrorReply.model_validate_json(reply.data)
    assert error.kind == kind and error.message
    document = json.loads(request(server, "GET", "/openapi.json").data)["paths"]
    declared = [
        set(operations[method.lower()]["responses"])
        for known, operations in document.items()
        if method.lower() in operations and known.count("/") == path.count("/")
    ]
    assert status == 405 or path == "/nowhere" or any(str(status) in it for it in declared)


def test_a_large_body_is_refused_when_its_length_is_not_told(server: Server) -> None:
    chunks = iter([b'{"patch": "'] + [b"x" * 65536] * 64)
    reply = request(
        server,
        "POST",
        f"/tasks/{ID}/grade",
        body=chunks,
        headers={"Content-Type": "application/json"},
    )
    assert ErrorReply.model_validate_json(reply.data).kind is ErrorKind.TOO_LARGE
    with pytest.raises(ConfigurationError, match="larger than 1 MiB"):
        connect(server).grade(ID, b"\xff" * (2 << 20))


def test_two_clients_work_at_once(server: Server, tmp_path: Path) -> None:
    """Each waits for what the other does: one after the other, they would run out of time."""
    said = []

    def work(own: str, other: str) -> None:
        with connect(server).make(ID, step_seconds=50.0) as environment:
            environment.reset()
            command = f"touch {tmp_path}/{own}; until [ -e {tmp_path}/{other} ]; do sleep .05; done"
            said.append(environment.step(f"{command}; echo met")[0])

    _run_at_once(lambda: work("a", "b"), lambda: work("b", "a"))
    assert said == ["met\n", "met\n"]


def test_one_request_at_a_time_uses_an_environment(
    server: Server, environment: RemoteEnvironment, tmp_path: Path
) -> None:
    command = f"touch {tmp_path}/begun; until [ -e {tmp_path}/go ]; do sleep .05; done"
    step = threading.Thread(target=environment.step, args=(command,))
    step.start()
    wait_until((tmp_path / "begun").exists)
    path = f"/environments/{environment.id}"
    for method, call, body in (
        ("POST", "/step", {"command": "ls"}),
        ("POST", "/reset", None),
        ("POST", "/fork", None),
        ("GET", "/diff", None),
    ):
        reply = request(server, method, path + call, json=body)
        assert (reply.status, json.loads(reply.data)["kind"]) == (409, "busy"), call
    assert json.loads(request(server, "GET", path).data)["is_busy"]
    with pytest.raises(BusyError):
        connect(server).connection.send("POST", f"{path}/snapshots")
    (tmp_path / "go").touch()
    step.join()
    assert environment.step("echo free")[0] == "free\n"


def test_a_client_that_leaves_during_a_step_leaves_a_sane_environment(
    server: Server, environment: RemoteEnvironment, tmp_path: Path
) -> None:
    path = f"/environments/{environment.id}"
    command = (
        f"x=5; touch {tmp_path}/begun; until [ -e {tmp_path}/go ]; do sleep .05; done; echo on"
    )
    send_and_leave(server, f"{path}/step", {"command": command}, Idempotency_Key="lost")
    wait_until((tmp_path / "begun").exists)
    assert json.loads(request(server, "GET", path).data)["is_busy"]
    (tmp_path / "go").touch()
    reply = request(
        server,
        "POST",
        f"{path}/step",
        json={"command": command},
        headers={"Idempotency-Key": "lost"},
    )  # waits for the step, and gets its reply
    found = json.loads(reply.data)
    assert (found["observation"], found["info"]["steps"]) == ("on\n", 1)
    assert environment.step("echo $x")[0] == "5\n"


def test_a_request_with_the_same_key_is_not_run_again(server: Server) -> None:
    headers = {"Idempotency-Key": "key-of-this-test"}
    opened = [
        json.loads(request(server, "POST", "/environments", json=it, headers=headers).data)["id"]
        for it in [{"instance_id": ID}] * 2
    ]
    assert opened[0] == opened[1]
    path = f"/environments/{opened[0]}"
    request(server, "POST", f"{path}/reset", headers=headers)
    step = {"command": "echo more >> lines; wc -l < lines"}
    replies = [request(server, "POST", f"{path}/step", json=step, headers=headers) for _ in "ab"]
    assert [json.loads(it.data)["observation"] for it in replies] == ["1\n", "1\n"]
    twins = [request(server, "POST", f"{path}/fork", headers=headers) for _ in "ab"]
    assert len({json.loads(it.data)["id"] for it in twins}) == 1
    for name in (opened[0], json.loads(twins[0].data)["id"]):
        assert request(server, "DELETE", f"/environments/{name}").status == 204


def test_a_shell_that_was_killed_does_not_end_the_environment(
    environment: RemoteEnvironment,
) -> None:
    try:
        environment.step("kill -9 $$")
    except SandboxError:
        environment.reset()
    assert environment.step("echo on")[0] == "on\n"


def test_only_so_many_environments_are_open(settings: Settings) -> None:
    with serving(settings, max_environments=2) as server, connect(server) as client:
        first, second = client.make(ID), client.make(ID)
        first.reset()
        refused = pytest.raises(LimitReachedError, match="2 environments are open")
        with refused:
            client.make(ID)
        with refused:
            first.fork()
        listed = json.loads(request(server, "GET", "/environments").data)
        assert [it["id"] for it in listed["environments"]] == [first.id, second.id]
        assert listed["max_environments"] == 2
        second.close()
        with first.fork() as twin:
            assert twin.step("echo fork")[0] == "fork\n"


def test_an_environment_that_nobody_uses_is_closed(settings: Settings) -> None:
    with serving(settings, idle_seconds=0.5, max_environments=1) as server:
        client = connect(server)
        environment = client.make(ID)
        path = f"/environments/{environment.id}"
        environment.reset()
        assert environment.step("sleep 1; echo in use")[0] == "in use\n"
        wait_until(lambda: request(server, "GET", path).status == 404)
        with pytest.raises(NotFoundError) as caught:
            environment.step("ls")
        assert "not used for 0.5 seconds" in caught.value.hint
        environment.close()
        client.make(ID).close()


def test_patches_wait_for_their_turn_up_to_a_limit(settings: Settings) -> None:
    with serving(settings, jobs=1, max_environments=1) as server:
        client, grades, refusals = connect(server), [], []

        def grade() -> None:
            try:
                grades.append(client.grade(ID, b"no patch").reason)
            except LimitReachedError as error:
                refusals.append(str(error))

        _run_at_once(grade, grade, grade)
        assert set(grades) == {GradeReason.DOES_NOT_APPLY} and refusals
        assert "wait to be graded" in refusals[0]


def test_a_server_that_ends_closes_everything(settings: Settings) -> None:
    with serving(settings) as server:
        environment = connect(server).make(ID)
        environment.reset()
        environment.step("sleep 86413 & sleep 0.1")
        assert is_running("86413")
    with pytest.raises(NetworkError, match="does not answer"):
        environment.step("ls")
    wait_until(lambda: not is_running("86413"))


def _run_at_once(*functions: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
