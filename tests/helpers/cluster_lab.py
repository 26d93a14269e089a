"""Clusters of machines of a network lab: scheduler, workers and the driver, all processes."""

import json
import os
import secrets
import signal
import subprocess
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import psutil

from tests.demo.sample import ROOT
from tests.helpers.network_lab import NetworkLab

SCHEDULER, DRIVER = "sched", "driver"
_KEPT = ("CURATE_BASE_IMAGE", "CURATE_CA_BUNDLE", "CURATE_DOCKER_CLI", "CURATE_PYTHON_INSTALL_DIR")


class ClusterLab:
    """Processes on machines, which may be killed; *python* has curate's dependencies."""

    servers: tuple[str, ...] = ("room_watchdog",)  # command lines that do no work of curate

    def __init__(
        self, lab: NetworkLab, python: str, folder: Path, variables: Mapping[str, str]
    ) -> None:
        """*variables* are those of the driver; each worker has a cache directory of its own."""
        self.lab, self.python, self.folder = lab, python, folder
        self.driver_variables = dict(variables)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @property
    @abstractmethod
    def address(self) -> str:
        """What `--cluster` names."""

    @abstractmethod
    def start_scheduler(self) -> None:
        """Start the scheduler."""

    @abstractmethod
    def start_worker(self, name: str, **variables: str) -> None:
        """Start a worker with one slot, which stays away once it has ended."""

    @abstractmethod
    def kill_worker(self, name: str) -> None:
        """Kill the process of the worker that does the work."""

    def is_running(self, name: str) -> bool:
        """Whether the process of *name* lives."""
        return name in self._started and self._started[name].poll() is None

    def kill(self, name: str) -> None:
        """Kill the process of *name* as the kernel would."""
        process = self._started.pop(name)
        process.kill()
        process.wait()

    def start_driver(
        self, *arguments: str, on: str = DRIVER, log: str = "driver.log", **variables: str
    ) -> "subprocess.Popen[bytes]":
        """Start a command of curate, on the driver's machine; it prints into the file *log*."""
        command = [self.python, "-m", "curate", *arguments]
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                self.lab.on(on, *command),
                env=self.variables(self.driver_variables | variables),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def close(self) -> None:
        """End everything."""
        for name in tuple(self._started):
            self.kill(name)

    def worker_variables(self, name: str) -> dict[str, str]:
        """Variables of a worker, whose directories are made."""
        own = {
            "CURATE_CACHE_DIR": str(self.folder / name / "cache"),
            "TMPDIR": str(self.folder / name / "tmp"),
        }
        Path(own["TMPDIR"]).mkdir(parents=True, exist_ok=True)
        return own

    def start(self, name: str, variables: Mapping[str, str], *command: str) -> None:
        """Start *command* on a machine; it prints into a file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._started[name] = subprocess.Popen(
                self.lab.on(name, *command),
                env=self.variables(variables),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def variables(self, own: Mapping[str, str]) -> dict[str, str]:
        """Variables of a machine of the lab: of this one, where they name files, and its proxy."""
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("CURATE_") or name in _KEPT
        }
        ways = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
        near = ",".join(("127.0.0.1", "localhost", *map(self.lab.address, self.lab.machines)))
        return {
            **kept,
            **dict.fromkeys(ways, self.lab.proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), f"{near},{self.lab.hub}"),
            "PYTHONPATH": str(ROOT),
            **own,
        }


class DaskLab(ClusterLab):
    """A Dask scheduler, and workers without a nanny."""

    servers = ("dask_worker", "room_watchdog")

    @property
    def address(self) -> str:
        return f"dask://{self.lab.address(SCHEDULER)}:8786"

    def start_scheduler(self) -> None:
        place = ("--host", self.lab.address(SCHEDULER), "--port", "8786", "--no-dashboard")
        module = "distributed.cli.dask_scheduler"
        self.start(SCHEDULER, {}, self.python, "-m", module, *place)

    def start_worker(self, name: str, **variables: str) -> None:
        address = f"tcp://{self.lab.address(SCHEDULER)}:8786"
        place = ("--host", self.lab.address(name), "--local-directory", str(self.folder / name))
        options = ("--no-nanny", "--nthreads", "1", "--name", name, "--no-dashboard")
        command = (self.python, "-m", "distributed.cli.dask_worker", address, *place, *options)
        self.start(name, self.worker_variables(name) | variables, *command)

    def kill_worker(self, name: str) -> None:
        self.kill(name)


class RayLab(ClusterLab):
    """A Ray head node without slots, and nodes with one each."""

    servers = ("room_watchdog", "raylet", "gcs_server", "ray/", "ray.", "ray::IDLE", "/ray ")

    @property
    def address(self) -> str:
        return f"ray://{self.lab.address(SCHEDULER)}:10001"

    def variables(self, own: Mapping[str, str]) -> dict[str, str]:
        """Also a home and a token of its own: else Ray takes those of the user, if any."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token}
        return super().variables({"HOME": str(home), **token, **own})

    @cached_property
    def _token(self) -> str:
        return secrets.token_hex(16)

    def start_scheduler(self) -> None:
        options = ("--head", "--port", "6379", "--ray-client-server-port", "10001")
        self._start_node(SCHEDULER, {}, *options, "--num-cpus", "0", "--include-dashboard", "false")

    def start_worker(self, name: str, **variables: str) -> None:
        address = ("--address", f"{self.lab.address(SCHEDULER)}:6379", "--num-cpus", "1")
        resources = ("--resources", json.dumps({"curate": 1}))
        self._start_node(name, self.worker_variables(name) | variables, *address, *resources)

    def kill_worker(self, name: str) -> None:
        """Kill the actor; its node lives."""
        for process in self.lab.processes(name):
            with suppress(psutil.Error):
                if process.name().startswith("ray::_Caller") or "ray::_Caller" in " ".join(
                    process.cmdline()
                ):
                    process.send_signal(signal.SIGKILL)

    def kill(self, name: str) -> None:
        """Kill all of a node."""
        super().kill(name)
        for process in self.lab.processes(name):
            with suppress(psutil.Error):
                if any(it in " ".join(process.cmdline()) for it in ("ray", "gcs_server")):
                    process.kill()

    def _start_node(self, name: str, variables: Mapping[str, str], *options: str) -> None:
        own = ("--node-ip-address", self.lab.address(name), "--disable-usage-stats", "--block")
        memory = ("--object-store-memory", str(100 << 20))
        ray = str(Path(self.python).with_name("ray"))
        self.start(name, variables, ray, "start", *own, *memory, *options)


def wait_until(is_true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until *is_true*; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)
