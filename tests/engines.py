"""A container engine of a test's own: another machine, as far as images are concerned."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker


@contextmanager
def private_engine(folder: Path) -> Iterator[docker.DockerClient]:
    """Start `dockerd` with all it has in *folder*, without a network; root only.

    It is asked to end behind the block, with everything it runs.
    """
    options = {
        "data-root": folder / "data",
        "exec-root": folder / "exec",
        "pidfile": folder / "pid",
        "host": f"unix://{folder}/socket",
        "bridge": "none",
        "iptables": "false",
    }
    command = ["dockerd", *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        client = _connected(str(options["host"]), process, folder / "log")
        yield client
        client.close()
    finally:
        process.terminate()
        process.wait(timeout=60)


def _connected(
    host: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60
) -> docker.DockerClient:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return docker.DockerClient(base_url=host, timeout=120)
        except docker.errors.DockerException:
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, log.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
