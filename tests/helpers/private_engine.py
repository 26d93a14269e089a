"""A Docker engine of our own, which may be killed: dockerd with its containerd, all in one folder.

Needs root, `dockerd` and `ip`. It shares nothing with the engine of the machine but the binary. It
has a bridge of its own even where nothing needs a network: a dockerd without any takes docker0 away
from the engine of the machine.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import psutil

Machine = Callable[[list[str]], list[str]]
"""Returns the command that runs a command on a machine of a network lab."""

SECONDS = 120.0  # until a starting engine must answer


class PrivateEngine:
    """Started on entry and stopped on exit; images and build cache stay in *folder*.

    Engines that run at the same time need another *subnet* each, 0 to 255.
    """

    def __init__(self, folder: Path, subnet: int = 213, machine: Machine | None = None) -> None:
        """On a *machine* of a network lab it has a network of its own, and its usual bridge."""
        self.folder = folder
        self.machine = machine
        self.bridge, self.address = f"curate-{subnet}", f"172.29.{subnet}.1/24"
        self.host = f"unix://{folder / 'docker.sock'}"
        key = hashlib.sha256(str(folder).encode()).digest()
        self.bridge = f"curate-{key.hex()[:8]}"
        self.address = f"172.29.{key[0]}.1/24"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PrivateEngine":
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.machine is None:
            for command in (
                ("link", "add", self.bridge, "type", "bridge"),
                ("addr", "add", self.address, "dev", self.bridge),
                ("link", "set", self.bridge, "up"),
            ):
                subprocess.run(["ip", *command], capture_output=True, check=False)
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)

    @property
    def client(self) -> docker.DockerClient:
        """A new client of this engine."""
        return docker.DockerClient(base_url=self.host, timeout=120)

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        self._forget()
        place = self.folder
        command = [
            "dockerd",
            "--data-root",
            str(place / "data"),
            "--exec-root",
            str(place / "exec"),
        ]
        command += ["--pidfile", str(place / "pid"), "--host", self.host]
        if self.machine is None:
            command += ["--bridge", self.bridge]
        else:
            command = self.machine([*command, "--insecure-registry", "10.77.0.0/24"])
        command += ["--containerd-namespace", self.bridge]
        command += ["--containerd-plugins-namespace", f"{self.bridge}-plugins"]
        with (place / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd does not start: see {place / 'log'}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End dockerd and its containerd as the kernel would; what runs in containers lives on."""
        assert self._process
        parent = psutil.Process(self._process.pid)
        own = [each for each in parent.children() if each.name() == "containerd"]
        for process in (parent, *own):
            process.send_signal(signal.SIGKILL)
        self._process.wait()
        psutil.wait_procs(own, timeout=10)

    def stop(self) -> None:
        """End the engine politely, and whatever it has left."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
        for process in psutil.process_iter(["cmdline"]):
            if str(self.folder) in " ".join(process.info["cmdline"] or ()) and _is_engine(process):
                process.kill()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{self.folder}/"):
                subprocess.run(["umount", "-l", line.split()[1]], check=False)

    def load(self, image: str) -> None:
        """Get *image* from the engine that DOCKER_HOST names, or else from a registry."""
        with suppress(docker.errors.ImageNotFound):
            self.client.images.get(image)
            return
        try:
            chunks: Any = docker.from_env(timeout=600).images.get(image).save(named=True)
            self.client.images.load(chunks)  # as a stream, which its types do not know
        except docker.errors.DockerException:
            name, *tag = image.rsplit(":", 1)
            self.client.images.pull(name, tag[0] if tag else None)

    def _answers(self) -> bool:
        try:
            return bool(docker.DockerClient(base_url=self.host, timeout=10).ping())
        except (docker.errors.DockerException, OSError):
            return False

    def _forget(self) -> None:
        """Remove what a killed engine leaves and a supervisor would: pids of others by now."""
        for name in ("pid", "exec/containerd/containerd.pid"):
            with suppress(FileNotFoundError):
                (self.folder / name).unlink()


def _is_engine(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.pid != os.getpid() and process.name().startswith(("containerd", "dockerd"))
    return False


def available() -> bool:
    """Whether this user can start such an engine here."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("dockerd", "ip"))
