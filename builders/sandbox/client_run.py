"""Run a script in an instance's image as an evaluation client does, not as a validation.

The client is SWE-bench's harness: a container with the engine's defaults, network included, in
which everything starts as root; the patch is applied with git, then the script is run.
"""

import io
import secrets
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError
from docker.models.containers import Container

from curate.builders.engine.client import translate_engine_errors
from curate.builders.errors import SandboxError
from curate.builders.sandbox.docker import OWNER_LABEL, remove_container

MAX_OUTPUT_BYTES = 256 << 20
_PATCH, _SCRIPT = "/tmp/patch.diff", "/eval.sh"


@dataclass(frozen=True, kw_only=True)
class ClientRunSpec:
    """What a client runs, and where."""

    image: str
    script: str
    patch: bytes = b""  # applied before; empty = none
    checkout: str = "/testbed"
    seconds: float = 1800.0  # time limit of the script
    owner: str = "nobody"  # label by which `remove_containers` finds the container


@dataclass(frozen=True, kw_only=True)
class ClientRunResult:
    """What a client sees."""

    output: str = ""  # of the script, or of git if the patch did not apply
    is_patched: bool = True
    timed_out: bool = False
    exit_code: int | None = None  # of the script, if it was run to its end


def run_as_client(client: docker.DockerClient, spec: ClientRunSpec) -> ClientRunResult:
    """Run *spec* in a new container and remove it.

    Raises:
        SandboxError: The engine returned an error, or the script printed too much.
        EngineUnavailableError: The engine does not respond.
    """
    with translate_engine_errors(), _start_container(client, spec) as container:
        if spec.patch:
            _put_file(container, _PATCH, spec.patch)
            command = f"git apply --verbose {_PATCH}"
            applied: Any = container.exec_run(command, workdir=spec.checkout, user="root")
            if applied.exit_code:
                output = applied.output.decode("utf-8", "replace")
                return ClientRunResult(output=output, is_patched=False)
        _put_file(container, _SCRIPT, spec.script.encode())
        return _run_script(client.api, container, spec.seconds)


@contextmanager
def _start_container(client: docker.DockerClient, spec: ClientRunSpec) -> Iterator[Container]:
    name = f"curate-eval-{secrets.token_hex(8)}"
    try:
        container = client.containers.create(
            spec.image,
            name=name,
            user="root",
            command="tail -f /dev/null",
            labels={OWNER_LABEL: spec.owner},
        )
        container.start()
        yield container
    finally:
        remove_container(client, name)


def _run_script(api: Any, container: Container, seconds: float) -> ClientRunResult:
    """Run the script; when its time is over, kill the container, which ends its output."""
    timed_out = threading.Event()

    def stop() -> None:
        timed_out.set()
        with suppress(APIError):
            container.kill()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        run = api.exec_create(container.id, f"/bin/bash {_SCRIPT}")["Id"]
        output = bytearray()
        for chunk in api.exec_start(run, stream=True):
            output += chunk
            if len(output) > MAX_OUTPUT_BYTES:
                raise SandboxError(f"the script printed more than {MAX_OUTPUT_BYTES >> 20} MiB")
    finally:
        timer.cancel()
    if not timed_out.is_set():
        container.reload()
        if container.status != "running":
            raise SandboxError(f"container {container.name} was stopped by another process")
    return ClientRunResult(
        output=output.decode("utf-8", "replace"),
        timed_out=timed_out.is_set(),
        exit_code=None if timed_out.is_set() else api.exec_inspect(run)["ExitCode"],
    )


def _put_file(container: Container, path: str, content: bytes) -> None:
    folder, _, name = path.rpartition("/")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o644
        tar.addfile(member, io.BytesIO(content))
    container.put_archive(folder or "/", buffer.getvalue())
