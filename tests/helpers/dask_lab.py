"""A Dask cluster of machines of a network lab: scheduler, workers and the driver, all processes."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.demo.sample import ROOT
from tests.helpers.network_lab import NetworkLab

SCHEDULER, DRIVER = "sched", "driver"
PORT = 8786


class DaskLab:
    """Scheduler and workers, which may be killed; *python* has curate's dependencies and Dask."""

    def __init__(
        self, lab: NetworkLab, python: str, folder: Path, variables: Mapping[str, str]
    ) -> None:
        """*variables* are those of the driver; each worker has a cache directory of its own."""
        self.lab, self.python, self.folder = lab, python, folder
        self._driver_variables = dict(variables)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """What `--cluster` names."""
        return f"dask://{self.lab.address(SCHEDULER)}:{PORT}"

    def start_scheduler(self) -> None:
        """Start the scheduler."""
        place = ("--host", self.lab.address(SCHEDULER), "--port", str(PORT), "--no-dashboard")
        self._start(SCHEDULER, {}, "distributed.cli.dask_scheduler", *place)

    def start_worker(self, name: str, **variables: str) -> None:
        """Start a worker with one slot, which stays away once it has ended."""
        own = {
            "CURATE_CACHE_DIR": str(self.folder / name / "cache"),
            "TMPDIR": str(self.folder / name / "tmp"),
        }
        Path(own["TMPDIR"]).mkdir(parents=True, exist_ok=True)
        address = f"tcp://{self.lab.address(SCHEDULER)}:{PORT}"
        place = ("--host", self.lab.address(name), "--local-directory", str(self.folder / name))
        options = ("--no-nanny", "--nthreads", "1", "--name", name, "--no-dashboard")
        self._start(name, own | variables, "distributed.cli.dask_worker", address, *place, *options)

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
                env=self._variables(self._driver_variables | variables),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def close(self) -> None:
        """End everything."""
        for name in tuple(self._started):
            self.kill(name)

    def _start(self, name: str, variables: Mapping[str, str], module: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._started[name] = subprocess.Popen(
                self.lab.on(name, self.python, "-m", module, *words),
                env=self._variables(variables),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _variables(self, own: Mapping[str, str]) -> dict[str, str]:
        """Variables of a machine of the lab: of this one, where they name files, and its proxy."""
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("CURATE_") or name in _KEPT
        }
        ways = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
        reached = {"NO_PROXY": "10.77.0.0/24,127.0.0.1", "no_proxy": "10.77.0.0/24,127.0.0.1"}
        return {
            **kept,
            **dict.fromkeys(ways, self.lab.proxy),
            **reached,
            "PYTHONPATH": str(ROOT),
            **own,
        }


_KEPT = ("CURATE_BASE_IMAGE", "CURATE_CA_BUNDLE", "CURATE_DOCKER_CLI", "CURATE_PYTHON_INSTALL_DIR")


def wait_until(is_true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until *is_true*; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)
