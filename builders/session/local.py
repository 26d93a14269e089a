"""Sessions on this machine, without an engine; this does not isolate untrusted code.

As in a test run, processes have their own network, host name, home and temporary folder, and limits
of memory and processes, where the kernel allows it. An overlay over the instance's folder, with the
checkout and the environment, takes all changes and is what snapshots keep. Where it cannot be
mounted, a session has a copy of the checkout, and snapshots copy that.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from curate.builders.editable.source import read_renewal_source
from curate.builders.errors import SandboxError
from curate.builders.model import RunStatus
from curate.builders.process.temp_dirs import TEMP_DIR_VARIABLE
from curate.builders.sandbox import supervise
from curate.builders.session import local_server
from curate.builders.session.channel import Channel, SocketStream
from curate.builders.session.client import ShellClient
from curate.builders.session.layers import LayerStore, measure
from curate.builders.session.living import LivingSession
from curate.builders.session.model import COPY, OVERLAY, SessionOptions, Snapshot
from curate.builders.session.pool import WarmPool
from curate.builders.settings import BuildSettings

_END_SECONDS = 10.0  # that the processes of a session may take to end
_OWN_FOLDERS = ("home", "tmp")


@dataclass(frozen=True, kw_only=True)
class LocalPlace:
    """A shell server below its supervisor."""

    shell: ShellClient
    process: subprocess.Popen[bytes]
    report: int  # descriptor where the supervisor tells the limit that was reached
    folder: Path  # a layer: files of the isolation, and the copy of the checkout


class LocalSessions:
    """Opens sessions of one instance with the same options."""

    def __init__(
        self, handle: str, options: SessionOptions, _settings: BuildSettings, layers: LayerStore
    ) -> None:
        self.instance, self.options, self.layers = Path(handle), options, layers
        self._base = layers.make_base("local", folders=_OWN_FOLDERS)
        self.pool: WarmPool[LocalPlace] = WarmPool(self._start_place, self._remove, 0)

    @cached_property
    def snapshot_note(self) -> str:
        """Why overlays cannot be mounted; "" if they can."""
        place = self._start_server(self.instance, self._variables(self.instance))
        layer = self.layers.make_layer()
        try:
            self.mount(place, (), layer)
        except SandboxError as error:
            return str(error)
        else:
            return ""
        finally:
            self._remove(place)
            self.layers.release([layer])

    @property
    def method(self) -> str:
        """The method of snapshots."""
        return COPY if self.snapshot_note else OVERLAY

    def open(self) -> LivingSession[LocalPlace]:
        """Return a session with the files of the instance."""
        start = Snapshot(method=self.method)
        return LivingSession(self, self.pool.take(), start)

    def close(self) -> None:
        """End the servers that are ready."""
        self.pool.close()

    def mount(self, place: LocalPlace, layers: Sequence[Path], upper: Path) -> None:
        """Mount an overlay over the folder of the instance."""
        lower = [str(layer / "files") for layer in (*layers, self._base)]
        place.shell.mount(lower, str(upper / "files"), str(upper / "work"))

    def count_written_bytes(self, place: LocalPlace) -> int:
        """Return the size of the copy of the checkout, and of what was written beside it."""
        return measure(place.folder)[1]

    def hand_over(self, place: LocalPlace, target: LocalPlace, snapshot: Snapshot) -> Snapshot:
        """Copy the copied files to another session, whose shell has folders of its own."""
        source, copies = (it.folder / "files" / "copies" for it in (place, target))
        shutil.copytree(source / snapshot.copy, copies / snapshot.copy, symlinks=True)
        here, there = (str(it.folder / "files").encode() for it in (place, target))
        return replace(snapshot, shell_state=snapshot.shell_state.replace(here, there))

    def find_reached_limit(self, place: LocalPlace) -> RunStatus | None:
        """Return the limit because of which the supervisor has ended all processes."""
        with suppress(subprocess.TimeoutExpired):
            place.process.wait(_END_SECONDS)
        text = os.read(place.report, 100).decode() if place.process.returncode is not None else ""
        return RunStatus(text) if text else None

    def give_back(self, place: LocalPlace, *, is_clean: bool) -> None:
        """End the server, or keep it for another session."""
        if is_clean:
            self.pool.put(place)
        else:
            threading.Thread(target=self._remove, args=(place,), daemon=True).start()

    def _start_place(self) -> LocalPlace:
        if self.method == OVERLAY:
            return self._start_server(self.instance, self._variables(self.instance))
        layer = self.layers.make_layer()
        try:
            folder = layer / "files"
            shutil.copytree(self.instance / "checkout", folder / "checkout", symlinks=True)
            for name in (*_OWN_FOLDERS, "copies"):
                (folder / name).mkdir()
            return self._start_server(folder, self._renew(folder), layer)
        except (OSError, shutil.Error) as error:
            self.layers.release([layer])
            raise SandboxError(f"the checkout cannot be copied: {error}") from error

    def _variables(self, folder: Path) -> dict[str, str]:
        """Return the variables of a shell whose own folders are in *folder*."""
        venv = self.instance / "venv"
        return {
            "PATH": f"{venv}/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(venv),
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            TEMP_DIR_VARIABLE: str(self.layers.folder),
        } | dict(self.options.env_vars)

    def _renew(self, folder: Path) -> dict[str, str]:
        """Let the editable install be that of the copied checkout; return the variables."""
        variables = self._variables(folder)
        script, renewed = folder / "renew_install.py", folder / "renewed"
        script.write_text(read_renewal_source())
        places = (renewed, folder / "checkout", self.instance / "checkout")
        command = ["python", "-I", str(script), *map(str, places)]
        result = subprocess.run(
            command, env=variables, cwd=folder / "checkout", capture_output=True, check=False
        )
        if result.returncode:
            problem = result.stderr.decode(errors="replace").strip()[-300:]
            raise SandboxError(f"the editable install cannot be renewed: {problem}")
        if renewed.is_dir():
            variables["PATH"] = f"{renewed}/bin{os.pathsep}{variables['PATH']}"
            inherited = variables.get("PYTHONPATH")
            variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(renewed), inherited]))
        return variables

    def _start_server(
        self, folder: Path, variables: Mapping[str, str], layer: Path | None = None
    ) -> LocalPlace:
        layer = layer or self.layers.make_layer()
        config = {
            "root": "",
            "user": "",
            "checkout": str(folder / "checkout"),
            "variables": dict(variables),
            "copies": str(folder / "copies"),
            "copied": [str(folder / name) for name in ("checkout", *_OWN_FOLDERS)],
            "instance": str(self.instance),
            "folder": str(layer),
            "pids": self.options.limits.pids,
            "network": self.options.network,
        }
        here, there = socket.socketpair()
        reading, writing = os.pipe()
        try:
            process = self._start_process(config, there, writing)
        except OSError as error:
            here.close()
            os.close(reading)
            raise SandboxError(f"the shell cannot be started: {error}") from error
        finally:
            there.close()
            os.close(writing)
        shell = ShellClient(Channel(SocketStream(here)))
        shell.await_server()
        return LocalPlace(shell=shell, process=process, report=reading, folder=layer)

    def _start_process(
        self, config: Mapping[str, Any], connection: socket.socket, report: int
    ) -> subprocess.Popen[bytes]:
        limits = self.options.limits
        command = [sys.executable, "-IS", supervise.__file__]
        command += map(str, (limits.memory_bytes, limits.pids, report))
        command += [sys.executable, "-IS", local_server.__file__, json.dumps(config)]
        return subprocess.Popen(
            command,
            env={TEMP_DIR_VARIABLE: str(self.layers.folder)},
            stdin=connection.fileno(),
            stdout=connection.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[report],
        )

    def _remove(self, place: LocalPlace) -> None:
        place.shell.close()
        try:
            place.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            place.process.kill()
            place.process.wait()
        os.close(place.report)
        self.layers.release([place.folder])
