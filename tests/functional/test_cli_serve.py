"""`curate serve` at the command line: what it says, refuses, and leaves when it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from curate.core.errors import NetworkError
from curate.serve import RemoteServer
from curate.serve.options import TOKEN_VARIABLE
from tests.demo.sample import ROOT
from tests.helpers.local_task import make_local_task
from tests.helpers.serving import ID, is_running, wait_until
from tests.helpers.terminal import typed

SECRET = "secret-of-the-command-line"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_local_task(tmp_path).save(tmp_path / "data")
    return tmp_path


@contextmanager
def serve(
    folder: Path,
    *arguments: str,
    token: str = "",
    code: int = 0,
    start: tuple[str, ...] = ("serve", "--json"),
    waits_for: str = "",
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Run the server in *folder*; yield it and what it said. It must end with *code* at SIGTERM."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CURATE_")}
    variables = {"PYTHONPATH": str(ROOT), "CURATE_CACHE_DIR": str(folder / "cache")}
    if token:
        variables[TOKEN_VARIABLE] = token
    with (folder / "log").open("w") as log, (folder / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "curate", *start, "--sandbox", "local", *arguments],
            cwd=folder,
            env=kept | variables,
            stdout=out,
            stderr=log,
        )
    try:
        place, sign = ("log", waits_for) if waits_for else ("out", "}")
        wait_until(lambda: process.poll() is not None or sign in (folder / place).read_text())
        said = (folder / "out").read_text()
        yield process, json.loads(said or "{}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == code, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


def test_it_makes_a_token_tells_it_once_and_closes_all_at_the_end(folder: Path) -> None:
    with serve(folder, "--port", "0", "-j", "1") as (_, said):
        client = RemoteServer(said["url"], said["token"])
        assert client.list_tasks() == [ID]
        environment = client.make(ID)
        environment.reset()
        environment.step("sleep 86414 & sleep 0.1")
        assert is_running("86414")
    wait_until(lambda: not is_running("86414"))
    assert (said["dataset"], said["tasks"]) == ("the store", 1)
    log = (folder / "log").read_text()
    assert said["url"] in log and "does not isolate" in log and "are closed" in log
    assert said["token"] not in log
    for file in (folder / "data/logs").iterdir():
        assert said["token"] not in file.read_text()


def test_the_token_is_told_to_a_person_who_wants_quiet(folder: Path) -> None:
    with serve(folder, "--port", "0", start=("-q", "serve"), waits_for=TOKEN_VARIABLE) as (_, said):
        address, token = (folder / "log").read_text().splitlines()[:2]
        client = RemoteServer(address.split(" at ")[1], token.removeprefix(f"{TOKEN_VARIABLE}="))
        assert client.list_tasks() == [ID] and not said


def test_a_step_in_progress_does_not_keep_it_from_ending(folder: Path) -> None:
    with serve(folder, "--port", "0", token=SECRET) as (_, said):
        assert "token" not in said
        with RemoteServer(said["url"], SECRET) as client:
            environment = client.make(ID)
            environment.reset()
            path = f"/environments/{environment.id}/step"
            errors: list[NetworkError] = []
            step = threading.Thread(target=lambda: errors.append(_find_error(client, path)))
            step.start()
            wait_until(lambda: is_running("86415"))
    step.join()
    assert "shutting down" in str(errors[0])
    wait_until(lambda: not is_running("86415"))
    assert SECRET not in (folder / "log").read_text()
    assert "Traceback" not in (folder / "log").read_text()


def test_what_a_killed_server_leaves_is_removed_by_the_next(folder: Path) -> None:
    with serve(folder, "--port", "0", token=SECRET, code=-signal.SIGKILL) as (process, said):
        environment = RemoteServer(said["url"], SECRET).make(ID)
        environment.reset()
        environment.step("touch new; sleep 86416 & sleep 0.1")
        assert is_running("86416")
        process.kill()
        process.wait()
    with serve(folder, "--port", "0", token=SECRET):
        wait_until(lambda: not is_running("86416"))
    sessions = folder / "cache" / "sessions"
    assert not [path for path in sessions.glob("*") if path.is_dir()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_tests_of_a_patch_do_not_outlive_the_server(tmp_path: Path, number: signal.Signals) -> None:
    task = make_local_task(tmp_path)
    task.save(tmp_path / "data")
    seconds = str(86500 + number)  # no other test looks for it
    code_of_patch = f"import subprocess\n\nsubprocess.run(['sleep', '{seconds}'])\n"
    patch = task.diff(**{"birds.py": code_of_patch})
    code = 0 if number is signal.SIGTERM else -number
    with serve(tmp_path, "--port", "0", token=SECRET, code=code) as (process, said):
        grade = threading.Thread(target=_grade, args=(said["url"], patch))
        grade.start()
        wait_until(lambda: is_running(seconds))
        process.send_signal(number)
        process.wait(60)
    grade.join()
    if number is signal.SIGKILL:
        with serve(tmp_path, "--port", "0", token=SECRET):
            assert not is_running(seconds)
    wait_until(lambda: not is_running(seconds))


def _grade(url: str, patch: bytes) -> None:
    with pytest.raises(NetworkError):
        RemoteServer(url, SECRET).grade(ID, patch)


@pytest.mark.parametrize(
    ("arguments", "token", "message"),
    [
        (["--host", "0.0.0.0"], "", "a token is required"),
        (["--host", "::"], "", "a token is required"),
        (["--host", "0.0.0.0"], "short", "too short"),
        ([], "with a blank", "invalid character"),
        ([], "ünsafe-ünsafe-ünsafe", "invalid character"),
        (["--host", "no.such.host.invalid"], SECRET, "cannot listen"),
        (["--idle-time", "soon"], SECRET, "Invalid duration"),
        (["--idle-time", "0s"], SECRET, "must be positive"),
        (["--max-step-time", "0s"], SECRET, "must be positive"),
        (["--max-environments", "0"], SECRET, "max-environments"),
        (["--port", "65536"], SECRET, "port"),
    ],
)
def test_what_it_refuses_is_said_in_a_sentence(
    folder: Path, arguments: list[str], token: str, message: str
) -> None:
    variables = {TOKEN_VARIABLE: token, "CURATE_CACHE_DIR": str(folder / "cache")}
    done = typed(("serve", "--sandbox", "local", "-j", "1", *arguments), folder, variables)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(token) < 6 or token not in done.stderr


def test_a_port_that_is_taken_and_a_dataset_that_is_missing(folder: Path) -> None:
    variables = {TOKEN_VARIABLE: SECRET, "CURATE_CACHE_DIR": str(folder / "cache")}
    start = ("serve", "--sandbox", "local", "-j", "1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = typed((*start, "--port", port), folder, variables)
    assert done.returncode == 2 and f"port {port}" in done.stderr and "--port" in done.stderr
    missing = typed((*start, "--dataset", "./nowhere"), folder, variables)
    assert missing.returncode == 4 and "nowhere" in missing.stderr
    empty = typed(("--data-dir", "other", *start), folder, variables)
    assert empty.returncode == 4 and "no tasks in the store" in empty.stderr


def test_it_names_the_extra_that_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for arguments in ((), ("--openapi",)):
        done = typed(("serve", *arguments), folder, {})
        assert done.returncode == 2
        assert "not installed: fastapi" in done.stderr and "swe-curate[serve]" in done.stderr


def test_the_description_of_the_api_is_printed(tmp_path: Path) -> None:
    done = typed(("serve", "--openapi"), tmp_path, {})
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["openapi"].startswith("3.1")
    operations = [it for path in document["paths"].values() for it in path.values()]
    assert len(operations) == 15
    assert len({it["operationId"] for it in operations}) == 15
    secured = [it for it in operations if it.get("security")]
    assert len(secured) == 14 and all("401" in it["responses"] for it in secured)
    for operation in operations:
        for status, reply in operation["responses"].items():
            if int(status) >= 400:
                schema = reply["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorReply"}
    assert not (tmp_path / "data").exists()


def test_no_client_needs_the_extra() -> None:
    code = "import curate.serve, sys; print({'fastapi', 'uvicorn', 'starlette'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def _find_error(client: RemoteServer, path: str) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        client.connection.send("POST", path, {"command": "sleep 86415"}, seconds=100.0)
    return caught.value
