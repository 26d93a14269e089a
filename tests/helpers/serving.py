"""A server of `curate serve` in this process, on the local sandbox, and requests of all kinds."""

import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import urllib3

from curate.core.settings import Settings
from curate.environments.tasks import open_tasks
from curate.gym.sandboxes import find_sandboxes
from curate.serve import RemoteServer
from curate.serve.options import ServeOptions
from curate.serve.run import Server, run_server
from curate.serve.tasks import TaskShelf
from curate.store import Store
from tests.helpers.local_task import make_local_task

TOKEN = "a-token-of-these-tests"
ID = "owner__name-7"


def make_settings(folder: Path) -> Settings:
    """Save the instance of `local_task` in a store in *folder*; return settings for it."""
    folder.mkdir(exist_ok=True)
    make_local_task(folder).save(folder / "data")
    return Settings(data_dir=folder / "data", cache_dir=folder / "cache")


@contextmanager
def serving(settings: Settings, **options: Any) -> Iterator[Server]:
    """Run a server of the store; its sandboxes are no other's, as they end with it."""
    settings = settings.model_copy(
        update={"cache_dir": settings.cache_dir / f"server-{secrets.token_hex(4)}"}
    )
    chosen = ServeOptions(**{"token": TOKEN, "port": 0, "sandbox": "local", **options})
    with Store(settings.data_dir) as store:
        shelf = TaskShelf(open_tasks("", settings, store), settings, chosen)
        try:
            with run_server(shelf, chosen) as server:
                yield server
        finally:
            find_sandboxes(chosen.sandbox, settings).close()


def connect(server: Server) -> RemoteServer:
    """Return a client."""
    return RemoteServer(server.url, TOKEN)


def request(
    server: Server, method: str, path: str, *, token: str | None = TOKEN, **options: Any
) -> urllib3.BaseHTTPResponse:
    """Send what the client would not."""
    headers = options.pop("headers", {})
    if token is not None:
        headers = {"Authorization": f"Bearer {token}", **headers}
    return urllib3.request(method, server.url + path, headers=headers, retries=False, **options)


def send_and_leave(server: Server, path: str, body: object, **headers: str) -> None:
    """Send a POST request and close the connection without waiting for its reply."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: server",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until *holds* returns something true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_running(argument: str) -> bool:
    """Whether a process has *argument* in its command line."""
    return any(argument in (it.info["cmdline"] or ()) for it in psutil.process_iter(["cmdline"]))
