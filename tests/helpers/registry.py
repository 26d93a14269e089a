"""A real registry of its own on loopback, with rules that a test chooses."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

USER, PASSWORD = "curator", "open sesame"
_USERS = f"{USER}:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"
_START_SECONDS = 60.0


@contextmanager
def serve_registry(
    folder: Path, *, has_users: bool = False, is_read_only: bool = False
) -> Iterator[str]:
    """Serve a registry in *folder*; yields "host:port". Skips the test where there is none."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        pytest.skip("no registry is installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    storage = {
        "filesystem": {"rootdirectory": str(folder / "storage")},
        "maintenance": {"readonly": {"enabled": is_read_only}},
    }
    settings: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": storage,
        "http": {"addr": host},
    }
    if has_users:
        (folder / "users").write_text(_USERS)
        settings["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "users")}}
    file = folder / "registry.yml"
    file.write_text(json.dumps(settings))  # which is YAML
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([program, "serve", str(file)], **pipes) as process:  # type: ignore[call-overload]
        try:
            _wait_for(host, process)
            yield host
        finally:
            process.terminate()


def _wait_for(host: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            with suppress(HTTPError):  # it wants a login: it is there
                urlopen(f"http://{host}/v2/", timeout=5).close()
            return
        time.sleep(0.05)
    raise AssertionError("the registry does not start")
