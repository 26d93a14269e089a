"""A command on a cluster whose parts are killed, cut off and restarted, and how it ended."""

import secrets
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.helpers.cluster_lab import DRIVER, SCHEDULER, ClusterLab, wait_until
from tests.helpers.network_lab import NetworkLab
from tests.helpers.sample_candidates import crawled

BESIDE = (("packaging>=21", 11), ("six>=1.15", 11))
COUNT = 24  # candidates, in three repositories with locks of their own
CUT_SECONDS = 60.0


@dataclass(kw_only=True)
class ClusterScene:
    """The cluster, and a command that works on it, by default one that validates."""

    cluster: ClusterLab
    folder: Path
    workers: tuple[str, ...]
    command: tuple[str, ...] = ("validate",)
    table: str = "validations"  # where the command stores what is done, one row each
    sandbox: str = "local"
    options: tuple[str, ...] = ()  # further ones of the command
    worker_variables: dict[str, dict[str, str]] = field(default_factory=dict)
    list_containers: Callable[[str], list[str]] = lambda worker: []
    driver: "subprocess.Popen[bytes] | None" = None
    events: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def note(self, event: str) -> None:
        """Add a line to the table of events."""
        done = f"{self.count_done()} of {self.table}"
        self.events.append(f"{time.monotonic() - self.started:6.1f} s  {done}  {event}")
        print(self.events[-1], flush=True)

    def type_command(self) -> None:
        """Type the command."""
        options = ("--sandbox", self.sandbox, "--cluster", self.cluster.address, *self.options)
        self.driver = self.cluster.start_driver("-v", *self.command, *options)

    def count_done(self) -> int:
        """Return how much is stored."""
        file = self.folder / "data" / "curate.sqlite"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            return int(database.execute(f"SELECT COUNT(*) FROM {self.table}").fetchone()[0])

    def reach(self, count: int) -> None:
        """Wait until *count* are stored; a command that could not go on is typed again."""
        deadline = time.monotonic() + 1500
        while self.count_done() < count:
            assert self.driver and time.monotonic() < deadline
            if self.driver.poll() is not None:
                assert self.driver.poll() == 3, self.printed()[-2000:]
                self.note(f"the command ended with 3: {self.printed().splitlines()[-3][:160]}")
                self.type_command()
            self.revive()
            time.sleep(0.2)

    def printed(self) -> str:
        """What the commands printed."""
        return (self.folder / "driver.log").read_text(encoding="utf-8")

    def start_worker(self, name: str) -> None:
        """Start a worker."""
        self.cluster.start_worker(name, **self.worker_variables.get(name, {}))

    def revive(self) -> None:
        """Start workers that have ended, as a supervisor does."""
        for name in self.workers:
            if not self.cluster.is_running(name):
                self.start_worker(name)
                self.note(f"{name} started again")

    def work(self, *names: str) -> list[str]:
        """What there is of a validation on these workers: containers, processes, small stores."""
        found = []
        for name in names:
            found += [f"{name}: {it}" for it in self.list_containers(name)]
            rooms = (self.folder / name / "cache" / "cluster").glob("curate-worker-*")
            found += [f"{name}: {path}" for path in rooms]
            for process in self.cluster.lab.processes(name):
                with suppress(psutil.Error):
                    line = " ".join(process.cmdline())
                    if str(self.folder / name) in line and not self._is_server(line):
                        found.append(f"{name}: {line[:200]}")
        return found

    def _is_server(self, line: str) -> bool:
        return any(it in line for it in (*self.cluster.servers, "dockerd", "containerd"))

    def kill_worker(self, name: str) -> None:
        """Kill a worker; what it had begun is ended, by a process that outlives it."""
        self.cluster.kill_worker(name)
        self.note(f"{name} killed -9")
        wait_until(lambda: not self.work(name), 30, f"nothing is left of {name}: {self.work(name)}")
        self.note(f"nothing of {name} is left")
        self.revive()

    def cut_worker_off(self, name: str) -> None:
        """Cut a worker off the network; it ends its work once its lease has run out."""
        self.cluster.lab.cut(name)
        self.note(f"{name} cut off")
        began = time.monotonic()
        wait_until(lambda: not self.work(name), CUT_SECONDS, f"{name} has ended its work")
        self.note(f"{name}, cut off, has ended its work")
        time.sleep(max(0, CUT_SECONDS - (time.monotonic() - began)))
        self.cluster.lab.join(name)
        self.note(f"{name} connected again")
        time.sleep(3)
        self.revive()

    def restart_scheduler(self, seconds: float = 20) -> None:
        """Kill the scheduler and start it again; workers that end meanwhile are started again."""
        self.cluster.kill(SCHEDULER)
        self.note("scheduler killed -9")
        time.sleep(2)
        self.cluster.start_scheduler()
        self.note("scheduler started again")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.revive()
            time.sleep(1)

    def kill_driver(self) -> None:
        """Kill the driver; the workers notice, and the same command goes on."""
        assert self.driver
        for process in self.cluster.lab.processes(DRIVER):
            process.send_signal(signal.SIGKILL)
        self.driver.wait()
        self.note("driver killed -9")
        wait_until(lambda: not self.work(*self.workers), 60, "the workers have ended their work")
        self.note("the workers have ended their work")
        self.revive()
        self.type_command()

    def finish(self) -> None:
        """Wait for the end; each candidate was recorded once, and nothing is left."""
        self.end()
        lines = [line.split() for line in self.printed().splitlines()]
        verdicts = [it[1].rstrip(":") for it in lines if it and it[0] in ("VERIFIED", "REJECTED")]
        recorded = Counter(verdicts)
        assert len(recorded) == COUNT and set(recorded.values()) == {1}, recorded

    def end(self) -> None:
        """Wait for the end; nothing is left."""
        self.reach(COUNT)
        assert self.driver and self.driver.wait(120) == 0
        self.note("the command ended with 0")
        wait_until(lambda: not self.work(*self.workers), 20, str(self.work(*self.workers)))

    def repeat_undisturbed(self, on: str = DRIVER, **variables: str) -> Path:
        """Do the same without a cluster, in another data directory."""
        data, cache = self.folder / "undisturbed", self.folder / "cache"
        shutil.copytree(self.folder / "before", data, symlinks=True)
        own = {"CURATE_DATA_DIR": str(data), "CURATE_CACHE_DIR": str(cache), **variables}
        options = (*self.command, "--sandbox", self.sandbox, "-j", "3", *self.options)
        process = self.cluster.start_driver(*options, on=on, log="undisturbed.log", **own)
        assert process.wait(1800) == 0, (self.folder / "undisturbed.log").read_text()[-2000:]
        return data


@contextmanager
def cluster_scene(
    kind: type[ClusterLab], python: str, workers: tuple[str, ...], ports: dict[int, int]
) -> Iterator[ClusterScene]:
    """The candidates, and a cluster of which nothing runs yet, in a folder with a short path."""
    with short_folder() as folder, crawled(folder, BESIDE) as known:
        shutil.copytree(folder / "data", folder / "before", symlinks=True)
        variables = {**known, "CURATE_SHARED_FILES": f"file://{folder}/shared"}
        with cluster_lab(kind, python, folder, workers, ports, variables) as cluster:
            yield ClusterScene(cluster=cluster, folder=folder, workers=workers)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder for the sockets of engines, whose paths have at most 107 characters."""
    folder = Path("/tmp") / f"curate-lab-{secrets.token_hex(3)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cluster_lab(
    kind: type[ClusterLab],
    python: str,
    folder: Path,
    workers: tuple[str, ...],
    ports: dict[int, int],
    variables: dict[str, str],
) -> Iterator[ClusterLab]:
    """A cluster of which nothing runs yet; *variables* are those of the driver."""
    with NetworkLab(folder.name[-6:], (SCHEDULER, DRIVER, *workers), ports) as lab:
        cluster = kind(lab, python, folder, variables)
        try:
            yield cluster
        finally:
            cluster.close()
