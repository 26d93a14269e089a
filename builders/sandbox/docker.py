"""Runs in containers of an instance's image: no network, no capabilities, always removed.

Inputs go in and results come out as archives through the engine's API, so that a remote engine
serves as well as one that shares the file system. Nothing of the host is mounted.
"""

import io
import re
import secrets
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from builders.engine.client import engine_errors
from builders.errors import SandboxError
from builders.model import Built, Execution, Limits, RunResult
from builders.pytest_plugin import new_key
from builders.sandbox.copy_out import read_files
from builders.sandbox.result import REPORT_BYTES, Evidence, join_output, judge
from builders.sandbox.run_script import Layout, container_script, input_files, output_shares
from builders.sandbox.wait import Ending, await_end

LABEL = "curate.run"
OWNER = "curate.owner"
ROOT = "/curate"


def run_in_container(  # noqa: PLR0913
    client: docker.DockerClient,
    built: Built,
    execution: Execution,
    *,
    checkout: str = "/testbed",
    user: str = "1000:1000",
    capabilities: Sequence[str] = (),
    runtime: str | None = None,
    owner: str = "nobody",
    disk: Path | None = None,
) -> RunResult:
    """Run *execution* in a new container of the image of *built* and remove it, whatever happens.

    *checkout* must be writable for *user*; *capabilities* are given back after all were dropped
    (for tests that need root's powers); *runtime* names another one of the engine's, such as
    gVisor's; `sweep_containers` finds the container by *owner*. Raises SandboxError if the engine
    refuses or loses the container, or *disk*, its folder on this machine, is short of inodes;
    EngineUnavailable if it does not answer.
    """
    layout = Layout(checkout=checkout, inputs=f"{ROOT}/in", outputs=f"{ROOT}/out")
    key = new_key()
    options = container_options(execution.limits, user, capabilities, runtime)
    options["labels"][OWNER] = owner
    with engine_errors(), _container(client, built.handle, options) as container:
        container.put_archive("/", _inputs(execution, layout, key))
        started = time.monotonic()
        container.start()
        ending = await_end(client, container, execution.limits, disk)
        seconds = time.monotonic() - started
        container.reload()
        state = container.attrs["State"]
        found = read_files(container, layout.outputs, _ceilings(execution.limits.output_bytes))
        _check_kept(container)
    code = int(state["ExitCode"]) if ending is Ending.BY_ITSELF else None
    account = _account(found.get("account", b""))
    return judge(
        Evidence(
            key=key,
            exit_code=code,
            timed_out=ending is Ending.OUT_OF_TIME
            or (code in (124, 137) and seconds >= execution.limits.seconds),
            out_of_memory=bool(state["OOMKilled"]) or account.get("oom_kill", 0) > 0,
            out_of_disk=ending is Ending.OUT_OF_DISK,
            patched="patched" in found,
            key_left=found.get("key") == key,
            report=found.get("report"),
            seconds=seconds,
            cpu_seconds=_cpu_seconds(account),
            output=_output(found, execution.limits.output_bytes),
            cut_short=code is not None and code > 128 and "account" not in found,
        )
    )


def sweep_containers(client: docker.DockerClient, owner: str) -> None:
    """Remove every container of *owner*, running or not."""
    with engine_errors():
        for container in client.containers.list(
            all=True, ignore_removed=True, filters={"label": f"{OWNER}={owner}"}
        ):
            _remove(client, str(container.id))


def container_options(
    limits: Limits, user: str, capabilities: Sequence[str] = (), runtime: str | None = None
) -> dict[str, Any]:
    """Options of `containers.create` that make a container a sandbox."""
    run = secrets.token_hex(8)
    return {
        "name": f"curate-run-{run}",
        "labels": {LABEL: run},
        "command": ["bash", f"{ROOT}/in/run.sh"],
        "entrypoint": [],
        "user": user,
        "environment": {"HOME": "/tmp", "USER": "curate", "LOGNAME": "curate"},
        "init": True,
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "cap_add": list(capabilities),
        "security_opt": ["no-new-privileges"],
        "pids_limit": limits.pids,
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "nano_cpus": int(limits.cpus * 1e9),
        "ulimits": _ulimits(limits),
        "shm_size": limits.shm_bytes,
        "tmpfs": {"/tmp": f"exec,mode=1777,size={limits.tmp_bytes}"},
        "log_config": docker.types.LogConfig(type="none"),
        "runtime": runtime,
    }


def _ulimits(limits: Limits) -> list[docker.types.Ulimit]:
    """What each process may have, the same on every engine; processes count for a user as a whole.

    Podman raises what is left out to ceilings that not every machine grants.
    """
    ceilings = {"core": 0, "fsize": limits.disk_bytes, "nofile": 16384, "nproc": 32768}
    return [
        docker.types.Ulimit(name=name, soft=value, hard=value) for name, value in ceilings.items()
    ]


@contextmanager
def _container(
    client: docker.DockerClient, image: str, options: dict[str, Any]
) -> Iterator[Container]:
    try:
        yield client.containers.create(image, **options)
    finally:
        # by name: an interrupted create may have made it without telling us
        _remove(client, options["name"])


def _remove(client: docker.DockerClient, name: str) -> None:
    """Remove a container; what has very many files may take the engine longer than the call."""
    try:
        client.api.remove_container(name, force=True, v=True)
    except (NotFound, requests.exceptions.ReadTimeout):
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:  # it is being removed already
            raise


def _check_kept(container: Container) -> None:
    """Raise SandboxError if somebody is removing the container: what it left may be gone."""
    container.reload()  # raises NotFound where it is gone already
    if container.status in ("removing", "dead"):
        raise SandboxError(f"the container {container.name} was removed from outside")


def _inputs(execution: Execution, layout: Layout, key: bytes) -> bytes:
    contents = input_files(execution, layout, container_script(execution, layout))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in (ROOT, layout.inputs, f"{layout.inputs}/plugin", layout.outputs):
            folder = tarfile.TarInfo(path.lstrip("/"))
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o777 if path == layout.outputs else 0o755
            tar.addfile(folder)
        for name, content in contents.items():
            _add(tar, f"{layout.inputs}/{name}", content, 0o444)
        _add(tar, f"{layout.outputs}/key", key, 0o444)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(path.lstrip("/"))
    member.size, member.mode, member.mtime = len(content), mode, time.time()
    tar.addfile(member, io.BytesIO(content))


def _ceilings(output_bytes: int) -> Mapping[str, int]:
    """The files a run leaves, and how long each may be."""
    return {
        "patched": 0,
        "key": 1 << 10,
        "account": 64 << 10,
        "head": output_bytes,
        "tail": output_bytes,
        "report": REPORT_BYTES,
    }


def _account(text: bytes) -> dict[str, int]:
    """Figures of the cgroup as the script copied them, `name value` a line.

    A test can see to it that the script cannot write them and its own stay; no verdict needs them.
    """
    pairs = (line.split() for line in text.decode("ascii", "replace").splitlines())
    return {
        pair[0]: int(pair[1])
        for pair in pairs
        if len(pair) == 2 and re.fullmatch("[0-9]{1,18}", pair[1])
    }


def _cpu_seconds(account: Mapping[str, int]) -> float:
    """Of the account of cgroup v2, or else of v1: some kernels show both."""
    return account.get("usage_usec", 0) / 1e6 or account.get("nanoseconds", 0) / 1e9


def _output(found: Mapping[str, bytes], limit: int) -> bytes:
    tail_limit = output_shares(limit)[1]
    return join_output(found.get("head", b""), found.get("tail", b""), tail_limit)
