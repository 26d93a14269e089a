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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import docker
from docker.errors import APIError

from curate.builders.engine.client import find_image_store, translate_engine_errors
from curate.builders.errors import SandboxError
from curate.builders.images.dockerfiles import CHECKOUT
from curate.builders.model import CONTAINER_ENV, CONTAINER_USER, RunStatus
from curate.builders.sandbox.docker import ContainerOptions, make_create_options, remove_container
from curate.builders.session.channel import AttachedStream, Channel
from curate.builders.session.client import ShellClient
from curate.builders.session.layers import LayerStore
from curate.builders.session.living import LivingSession
from curate.builders.session.model import COPY, OVERLAY, SessionOptions, Snapshot
from curate.builders.session.mount_server import ENGINE_FILES
from curate.builders.session.mounts import TARGET, mounter
from curate.builders.session.pool import WarmPool
from curate.builders.session.server_files import SERVER, pack_server
from curate.builders.settings import BuildSettings

SESSION_LABEL = "curate.session"  # of a container: folder that its owner has locked
CAPABILITIES = ("SYS_CHROOT", "SETUID", "SETGID", "KILL")
COPIES = "/curate/copies"


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
        self._base = layers.make_base("container", files=ENGINE_FILES)
        with translate_engine_errors():
            self.image = describe_image(client, image)
            self.machine_cpus = int(client.info().get("NCPU") or 0)
        self.pool: WarmPool[Container] = WarmPool(self._start_ready, self._remove, 0)

    @cached_property
    def snapshot_note(self) -> str:
        """Why overlays cannot be mounted; "" if they can."""
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            return "this process is not root"
        if not self.image.layers:
            return "the engine's layers are not on this machine, or not overlay2's"
        layer = self.layers.make_layer()
        container = self._start_container(TARGET)
        try:
            self.mount(container, (), layer)
        except SandboxError as error:
            self._remove(container)
            return str(error)
        else:
            self.pool.put(container)
            return ""
        finally:
            self.layers.release([layer])

    def open(self) -> "LivingSession[Container]":
        """Return a session with the files of the image."""
        start = Snapshot(method=self.method)  # which is found out with the first container
        return LivingSession(self, self.pool.take(), start)

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

    def mount(self, place: Container, layers: Sequence[Path], upper: Path) -> None:
        """Let the shell's root folder be an overlay over *layers* and the image."""
        below = [layer / "files" for layer in (*layers, self._base)]
        mounter.mount(place.pid, [*below, *self.image.layers], upper / "files", upper / "work")

    def count_written_bytes(self, place: Container) -> int:
        """Return the size of what was written in the container itself."""
        with translate_engine_errors():
            found = self.client.api.containers(size=True, filters={"name": place.name})
        return sum(entry.get("SizeRw") or 0 for entry in found)

    def hand_over(self, place: Container, target: Container, snapshot: Snapshot) -> Snapshot:
        """Give the copied files of one container to another, through this process."""
        with translate_engine_errors():
            blocks, _ = self.client.api.get_archive(place.name, f"{COPIES}/{snapshot.copy}")
            self.client.api.put_archive(target.name, COPIES, b"".join(blocks))
        return snapshot

    def find_reached_limit(self, _place: Container) -> RunStatus | None:
        """Return None: the kernel ends single processes, not a container."""
        return None

    def _start_ready(self) -> Container:
        return self._start_container(TARGET if self.method == OVERLAY else "")

    def _start_container(self, root: str) -> Container:
        """Start a container whose shell has the root folder *root*; "" = the container's own."""
        config = {
            "root": root,
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
        connection: socket.socket = cast(Any, getattr(attached, "_sock", attached))
        container.reload()
        shell = ShellClient(Channel(AttachedStream(connection)))
        shell.await_server()
        return Container(name=options["name"], pid=container.attrs["State"]["Pid"], shell=shell)

    def _remove(self, container: Container) -> None:
        container.shell.close()
        with suppress(SandboxError, APIError), translate_engine_errors():
            remove_container(self.client, container.name)


def describe_image(client: docker.DockerClient, reference: str) -> Image:
    """Return variables and layers of the image *reference*."""
    found = client.images.get(reference).attrs
    variables = dict(entry.split("=", 1) for entry in found["Config"].get("Env") or ())
    data = (found.get("GraphDriver") or {}).get("Data") or {}
    folders = [data.get("UpperDir", ""), *data.get("LowerDir", "").split(":")]
    layers = tuple(Path(folder) for folder in folders if folder)
    is_local = find_image_store(client) != Path("/") and all(map(Path.is_dir, layers))
    return Image(reference=reference, variables=variables, layers=layers if is_local else ())


def _find_environment(variables: Mapping[str, str]) -> list[str]:
    return [variables["VIRTUAL_ENV"]] if variables.get("VIRTUAL_ENV") else []
