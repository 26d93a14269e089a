"""Sessions in containers of an instance's image, with the isolation and limits of test runs.

The main process of a container is the shell server, as root with the few capabilities that it needs
to become the user. It ends when this process does, which ends and removes the container.

With root on the engine's machine and Linux 6.8, the shell's root folder is an overlay over the
image's layers, which is mounted in the container from outside; a snapshot keeps the upper layer and
goes on with a new one. Elsewhere, the shell uses the container's own files, and snapshots copy
those folders that the user can write.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from curate.builders.engine.client import find_image_store, translate_engine_errors
from curate.builders.errors import SandboxError
from curate.builders.images.dockerfiles import CHECKOUT
from curate.builders.model import CONTAINER_ENV, CONTAINER_USER, RunStatus
from curate.builders.sandbox.docker import ContainerOptions, make_create_options, remove_container
from curate.builders.session.channel import AttachedStream, Channel
from curate.builders.session.client import ShellClient
from curate.builders.session.layers import LayerStore, measure, is_empty
from curate.builders.session.model import COPY, OVERLAY, CommandResult, FileEntry, SessionOptions, Snapshot
from curate.builders.session.mounts import MAX_LAYERS, TARGET, mounter
from curate.builders.session.pool import WarmPool
from curate.builders.session.server_files import SERVER, pack_server
from curate.builders.settings import BuildSettings

SESSION_LABEL = "curate.session"  # of a container: folder that its owner has locked
CAPABILITIES = ("SYS_CHROOT", "SETUID", "SETGID", "KILL")
COPIES = "/curate/copies"
SMALL_COUNT, SMALL_BYTES = 300, 8 << 20


@dataclass(frozen=True, kw_only=True)
class Image:
    """What sessions need to know about an image."""

    reference: str
    variables: Mapping[str, str]
    layers: tuple[Path, ...]  # folders on the engine's machine, the newest first; () = unknown


@dataclass(frozen=True, kw_only=True)
class Container:
    """A running container whose shell server waits for requests."""

    name: str
    pid: int  # of the server on the engine's machine
    shell: ShellClient


class DockerSessions:
    """Opens sessions of one image with the same options; keeps containers ready for more."""

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        options: SessionOptions,
        settings: BuildSettings,
        layers: LayerStore,
    ) -> None:
        self.client, self.options, self.settings, self.layers = client, options, settings, layers
        with translate_engine_errors():
            self.image = describe_image(client, image)
            self.machine_cpus = int(client.info().get("NCPU") or 0)
        self.pool: WarmPool[Container] = WarmPool(self._start_container, self._remove, 0)

    @cached_property
    def snapshot_note(self) -> str:
        """Why overlays cannot be mounted; "" if they can."""
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            return "this process is not root"
        if not self.image.layers:
            return "the engine's layers are not on this machine, or not overlay2's"
        container = self._start_container()
        try:
            layer = self.layers.make_layer()
            below = [self.layers.base / "files", *self.image.layers]
            mounter.mount(container.pid, below, layer / "files", layer / "work")
        except SandboxError as error:
            return str(error)
        else:
            return ""
        finally:
            self._remove(container)
            self.layers.release([layer])

    def open(self) -> "DockerSession":
        """Return a session with the files of the image."""
        return DockerSession(self, self.pool.take(), Snapshot(method=self.method))

    @property
    def method(self) -> str:
        """The method of snapshots."""
        return COPY if self.snapshot_note else OVERLAY

    def close(self) -> None:
        """Remove the containers that are ready."""
        self.pool.close()

    def give_back(self, container: Container, *, is_clean: bool) -> None:
        """Keep *container* for the next session if nothing is left of the last one."""
        if is_clean:
            self.pool.put(container)
        else:
            threading.Thread(target=self._remove, args=(container,), daemon=True).start()

    def _start_container(self) -> Container:
        has_overlay = "snapshot_note" in self.__dict__ and not self.snapshot_note
        config = {
            "root": TARGET if has_overlay else "",
            "user": CONTAINER_USER,
            "checkout": CHECKOUT,
            "variables": {**self.image.variables, **CONTAINER_ENV, **self.options.env_vars},
            "copies": COPIES,
            "copied": [CHECKOUT, *_find_environment(self.image.variables), "/tmp"],
        }
        created = self._make_options(config)
        with translate_engine_errors():
            try:
                return self._create(created)
            except APIError as error:
                remove_container(self.client, created["name"])
                if "disable_ipv6" not in str(error):  # a kernel without IPv6 has no such setting
                    raise
                return self._create({**created, "sysctls": {}})
            except BaseException:
                remove_container(self.client, created["name"])
                raise

    def _make_options(self, config: Mapping[str, Any]) -> dict[str, Any]:
        options = ContainerOptions(
            user="0:0",
            capabilities=CAPABILITIES,
            runtime=self.settings.container_runtime or None,
            machine_cpus=self.machine_cpus,
        )
        created = make_create_options(self.options.limits, options)
        created |= {
            "name": f"curate-session-{secrets.token_hex(8)}",
            "labels": {SESSION_LABEL: str(self.layers.folder)},
            "command": ["python", "-IS", SERVER, json.dumps(config)],
            "environment": {},
            "init": False,
            "stdin_open": True,
            "auto_remove": True,
            "working_dir": "/",
            "cpu_shares": None,  # somebody waits for each command
        }
        if self.options.network:
            created["network_mode"] = "bridge"
        return created

    def _create(self, options: dict[str, Any]) -> Container:
        container = self.client.containers.create(self.image.reference, **options)
        container.put_archive("/", pack_server(COPIES, CONTAINER_USER))
        flags = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached = container.attach_socket(params=flags)
        container.start()
        connection: socket.socket = getattr(attached, "_sock", attached)
        container.reload()
        shell = ShellClient(Channel(AttachedStream(connection)))
        shell.await_server()
        return Container(name=options["name"], pid=container.attrs["State"]["Pid"], shell=shell)

    def _remove(self, container: Container) -> None:
        container.shell.close()
        with suppress(SandboxError, APIError), translate_engine_errors():
            remove_container(self.client, container.name)


class DockerSession:
    """A `Session` in a container."""

    def __init__(self, factory: DockerSessions, container: Container, start: Snapshot) -> None:
        self._factory, self._container = factory, container
        self.snapshot_method, self.snapshot_note = factory.method, factory.snapshot_note
        self._layers = factory.layers
        self._held: list[Path] = []  # layers that this session uses, once for each use
        self._upper: Path | None = None
        self._lower: tuple[Path, ...] = ()
        self._copies = 0
        self._was_limited = self._is_closed = False
        self._checked_at = time.monotonic()
        try:
            self._begin(start)
        except BaseException:
            self.close()
            raise

    def run(self, command: bytes, seconds: float, output_bytes: int) -> CommandResult:
        """Run *command* in the shell; after *seconds*, it is interrupted."""
        result = self._shell.run(command, seconds, output_bytes, self._is_disk_exceeded)
        if time.monotonic() - self._checked_at > 2 and self._is_disk_exceeded():
            result = replace(result, reached_limit=RunStatus.OUT_OF_DISK)
        self._was_limited |= result.reached_limit is not None
        return result

    def save(self) -> Snapshot:
        """Keep the files as they are now, and the state of the shell."""
        state, others = self._shell.get_state()
        if self.snapshot_method == COPY:
            self._copies += 1
            self._shell.copy(str(self._copies))
            return Snapshot(copy=str(self._copies), shell_state=state, method=COPY)
        assert self._upper
        if is_empty(self._upper):
            layers = self._lower
        elif others or self._is_small(self._upper):
            with self._shell.stopped():  # then, they go on with the layer that they have
                copied = self._layers.copy_layer(self._upper)
            self._held.append(copied)
            layers = (copied, *self._lower)
        else:
            layers = (self._upper, *self._lower)
            self._shell.end()
            self._mount(layers)
            self._shell.start(state)
        return Snapshot(layers=layers, shell_state=state)

    def restore(self, snapshot: Snapshot) -> None:
        """Put the files back, end all processes, and start a shell with the saved state."""
        self._shell.end()
        if snapshot.copy:
            self._shell.put_back(snapshot.copy)
        else:
            self._mount(snapshot.layers)
        self._shell.start(snapshot.shell_state)

    def fork(self, snapshot: Snapshot) -> "DockerSession":
        """Return another session that starts from *snapshot* of this one."""
        if snapshot.copy:
            return self._fork_copy(snapshot)
        return DockerSession(self._factory, self._factory.pool.take(), snapshot)

    def list_files(self) -> Mapping[bytes, FileEntry]:
        """Return path -> entry of all files of the checkout, without those of git."""
        return self._shell.list_files()

    def read_files(self, paths: Iterable[bytes]) -> Mapping[bytes, bytes]:
        """Return path -> content of files of the checkout; of links, the target."""
        return self._shell.read_files(paths)

    def close(self) -> None:
        """End all processes; the container is removed, or kept for another session."""
        if self._is_closed:
            return
        self._is_closed = True
        is_clean = False
        if self.snapshot_method == OVERLAY and not self._was_limited:
            with suppress(SandboxError):
                is_clean = self._shell.end()
        self._factory.give_back(self._container, is_clean=is_clean)
        self._layers.release(self._held)

    @property
    def _shell(self) -> ShellClient:
        return self._container.shell

    def _is_small(self, layer: Path) -> bool:
        """Whether copying *layer* is faster than a new shell over it."""
        count, size = measure(layer)
        return count <= SMALL_COUNT and size <= SMALL_BYTES

    def _begin(self, start: Snapshot) -> None:
        if self.snapshot_method == OVERLAY:
            self._layers.acquire(start.layers)
            self._held += start.layers
            self._mount(start.layers)
        self._shell.start(start.shell_state)

    def _mount(self, lower: tuple[Path, ...]) -> None:
        """Go on with a new upper layer over *lower*, which this session uses already."""
        layers = (*lower, self._layers.base)
        below = [*(layer / "files" for layer in layers), *self._factory.image.layers]
        if len(below) > MAX_LAYERS:
            raise SandboxError(
                f"more than {MAX_LAYERS} layers on top of each other",
                hint="Restore an older snapshot, or start another episode.",
            )
        upper = self._layers.make_layer()
        self._held.append(upper)
        mounter.mount(self._container.pid, below, upper / "files", upper / "work")
        self._upper, self._lower = upper, lower

    def _fork_copy(self, snapshot: Snapshot) -> "DockerSession":
        """Copy the files through this process."""
        twin = DockerSession(self._factory, self._factory.pool.take(), Snapshot(method=COPY))
        name = f"{COPIES}/{snapshot.copy}"
        with translate_engine_errors():
            client = self._factory.client
            blocks, _ = client.api.get_archive(self._container.name, name)
            client.api.put_archive(twin._container.name, COPIES, b"".join(blocks))
        twin._copies = int(snapshot.copy)
        twin.restore(snapshot)
        return twin

    def _is_disk_exceeded(self) -> bool:
        limit = self._factory.options.limits.disk_bytes
        started = time.monotonic()
        if self._upper:
            written = measure(self._upper)[1]
        else:
            with translate_engine_errors():
                client = self._factory.client
                found = client.api.containers(size=True, filters={"name": self._container.name})
            written = sum(entry.get("SizeRw") or 0 for entry in found)
        ended = time.monotonic()
        self._checked_at = ended + 10 * (ended - started)
        return written > limit


def describe_image(client: docker.DockerClient, reference: str) -> Image:
    """Return variables and layers of the image *reference*."""
    found = client.api.inspect_image(reference)
    variables = dict(entry.split("=", 1) for entry in found["Config"].get("Env") or ())
    data = (found.get("GraphDriver") or {}).get("Data") or {}
    folders = [data.get("UpperDir", ""), *data.get("LowerDir", "").split(":")]
    layers = tuple(Path(folder) for folder in folders if folder)
    is_local = find_image_store(client) != Path("/") and all(map(Path.is_dir, layers))
    return Image(
        reference=reference, variables=variables, layers=layers if is_local else ()
    )


def _find_environment(variables: Mapping[str, str]) -> list[str]:
    return [variables["VIRTUAL_ENV"]] if variables.get("VIRTUAL_ENV") else []
