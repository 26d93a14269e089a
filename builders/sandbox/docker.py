"""Run tests in containers of an instance's image, without network and capabilities.

Inputs and results are copied as archives through the engine's API, so that a remote engine works as
well as a local one. Nothing of the host is mounted. Containers are always removed.
"""

import io
import secrets
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import requests
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from curate.builders.engine.client import translate_engine_errors
from curate.builders.errors import SandboxError
from curate.builders.model import (
    CONTAINER_ENV,
    CONTAINER_USER,
    BuiltInstance,
    ResourceLimits,
    RunResult,
    RunSpec,
    RunStatus,
)
from curate.builders.pytest_plugin import generate_key
from curate.builders.sandbox.copy_out import copy_files_out
from curate.builders.sandbox.isolate import HOST_NAME
from curate.builders.sandbox.limit_watch import WatchLimits, watch_container
from curate.builders.sandbox.resource_usage import (
    cpu_seconds_used,
    find_reached_limit,
    parse_resource_usage,
)
from curate.builders.sandbox.result import (
    MAX_PREPARED_BYTES,
    MAX_REPORT_BYTES,
    RunArtifacts,
    classify_run,
    join_output,
)
from curate.builders.sandbox.run_script import (
    CGROUP,
    NO_CGROUP,
    SandboxLayout,
    make_input_files,
    render_container_script,
    split_output_limit,
)
from curate.builders.sandbox.wait import StopReason, wait_for_exit

RUN_LABEL = "curate.run"
OWNER_LABEL = "curate.owner"
SANDBOX_ROOT = "/curate"
CPU_SHARES = 512  # half of the default weight, so that the rest of the machine stays usable


@dataclass(frozen=True, kw_only=True)
class ContainerOptions:
    """How a container runs, whatever runs in it."""

    checkout: str = "/testbed"  # path of the checkout in the image; `user` must be able to write it
    user: str = CONTAINER_USER  # "uid:gid" of all processes
    capabilities: Sequence[str] = ()  # added after all were dropped, for tests that need some
    runtime: str | None = None  # another container runtime of the engine, e.g. gVisor's "runsc"
    owner: str = "nobody"  # label by which `remove_containers` finds the container
    machine_cpus: int = 0  # of the engine's machine, which no container may exceed; 0 = to be asked
    disk: Path | None = None  # the engine's storage folder if it is local, to monitor its inodes
    archive: Path | None = None  # tar file, unpacked into the root folder before the start
    watch: WatchLimits | None = None  # holds limits that the engine ignores, without cgroups


DEFAULT_OPTIONS = ContainerOptions()


def run_in_container(
    client: docker.DockerClient,
    built: BuiltInstance,
    run_spec: RunSpec,
    container_options: ContainerOptions = DEFAULT_OPTIONS,
) -> RunResult:
    """Run *run_spec* in a new container of the image of *built* and remove the container.

    Args:
        client: Client of the engine.
        built: The instance.
        run_spec: Patches, command and limits.
        container_options: User, capabilities, runtime and label of the container.

    Raises:
        SandboxError: The engine returned an error, the container was removed by somebody else, its
            disk ran out of inodes, or the machine ran out of memory.
        EngineUnavailableError: The engine does not respond.
    """
    layout = SandboxLayout(
        checkout=container_options.checkout,
        inputs=f"{SANDBOX_ROOT}/in",
        outputs=f"{SANDBOX_ROOT}/out",
    )
    key = generate_key()
    if not container_options.machine_cpus:
        container_options = replace(container_options, machine_cpus=count_machine_cpus(client))
    options = make_create_options(run_spec.limits, container_options)
    cgroup = NO_CGROUP if container_options.watch else CGROUP
    archives = [_pack_inputs(run_spec, layout, key, cgroup)]
    if container_options.archive:
        archives.append(container_options.archive.read_bytes())
    with (
        translate_engine_errors(),
        _start_container(client, built.handle, options, archives) as container,
        watch_container(container, run_spec.limits, container_options.watch) as get_reached,
    ):
        started = time.monotonic()
        stop_reason = wait_for_exit(client, container, run_spec.limits, container_options.disk)
        seconds = time.monotonic() - started
        container.reload()
        state = container.attrs["State"]
        files = copy_files_out(
            container, layout.outputs, _file_limits(run_spec.limits.output_bytes)
        )
        _check_not_removed(container)
        watched = get_reached()
    code = int(state["ExitCode"]) if stop_reason is StopReason.EXITED else None
    usage = parse_resource_usage(files.get("resource_usage", b""))
    reached = find_reached_limit(usage, engine_saw_oom=bool(state["OOMKilled"])) or watched
    if not reached and stop_reason is StopReason.DISK_EXCEEDED:
        reached = RunStatus.OUT_OF_DISK
    return classify_run(
        RunArtifacts(
            key=key,
            exit_code=code,
            timed_out=stop_reason is StopReason.TIMED_OUT
            or (code in (124, 137) and seconds >= run_spec.limits.seconds),
            reached_limit=reached,
            patched="patched" in files,
            prepared=files.get("prepared"),
            key_was_left=files.get("key") == key,
            report=files.get("report"),
            seconds=seconds,
            cpu_seconds=cpu_seconds_used(usage),
            output=join_output(
                files.get("head", b""),
                files.get("tail", b""),
                split_output_limit(run_spec.limits.output_bytes)[1],
            ),
            was_interrupted=(code or 0) > 128 and not reached and "resource_usage" not in files,
        )
    )


def count_machine_cpus(client: docker.DockerClient) -> int:
    """Return the number of CPUs of the engine's machine; 0 if it does not say."""
    with translate_engine_errors():
        return int(client.info().get("NCPU") or 0)


def remove_containers(client: docker.DockerClient, owner: str) -> None:
    """Remove every container of *owner*, running or not."""
    with translate_engine_errors():
        for container in client.containers.list(
            all=True, ignore_removed=True, filters={"label": f"{OWNER_LABEL}={owner}"}
        ):
            remove_container(client, str(container.id))


def make_create_options(
    limits: ResourceLimits, container_options: ContainerOptions
) -> dict[str, Any]:
    """Return the options of `containers.create` that isolate the container and limit it."""
    run = secrets.token_hex(8)
    return {
        "name": f"curate-run-{run}",
        "labels": {RUN_LABEL: run, OWNER_LABEL: container_options.owner},
        "command": ["bash", f"{SANDBOX_ROOT}/in/run.sh"],
        "entrypoint": [],
        "hostname": HOST_NAME,
        "extra_hosts": {HOST_NAME: "127.0.0.1"},
        "sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"},  # `localhost` is also ::1
        "user": container_options.user,
        "environment": dict(CONTAINER_ENV),
        "init": True,
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "cap_add": list(container_options.capabilities),
        "security_opt": ["no-new-privileges"],
        "pids_limit": limits.pids,
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "nano_cpus": int(min(limits.cpus, container_options.machine_cpus or limits.cpus) * 1e9),
        "cpu_shares": CPU_SHARES,
        "ulimits": _make_ulimits(limits),
        "shm_size": limits.shm_bytes,
        "tmpfs": {"/tmp": f"exec,mode=1777,size={limits.tmp_bytes}"},
        "log_config": docker.types.LogConfig(type="none"),
        "runtime": container_options.runtime,
    }


def _make_ulimits(limits: ResourceLimits) -> list[docker.types.Ulimit]:
    """Return explicit limits per process (`nproc` is per user), the same on every engine.

    Podman raises limits that are not set to values that not every machine allows.
    """
    values = {"core": 0, "fsize": limits.disk_bytes, "nofile": 16384, "nproc": 32768}
    return [
        docker.types.Ulimit(name=name, soft=value, hard=value) for name, value in values.items()
    ]


@contextmanager
def _start_container(
    client: docker.DockerClient, image: str, options: dict[str, Any], archives: Sequence[bytes]
) -> Iterator[Container]:
    """Yield a running container with *archives* unpacked, and remove it at the end."""
    try:
        try:
            container = _create_and_start(client, image, options, archives)
        except APIError as error:
            if "disable_ipv6" not in str(error):  # a kernel without IPv6 has no such setting
                raise
            remove_container(client, options["name"])
            container = _create_and_start(client, image, {**options, "sysctls": {}}, archives)
        yield container
    finally:
        # by name: an interrupted create may have created it without returning its id
        remove_container(client, options["name"])


def _create_and_start(
    client: docker.DockerClient, image: str, options: dict[str, Any], archives: Sequence[bytes]
) -> Container:
    container = client.containers.create(image, **options)
    for archive in archives:
        container.put_archive("/", archive)
    container.start()
    return container


def remove_container(client: docker.DockerClient, name: str) -> None:
    """Remove a container; a timeout is ignored, as many files may take the engine very long."""
    try:
        client.api.remove_container(name, force=True, v=True)
    except (NotFound, requests.exceptions.ReadTimeout):
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:  # already being removed
            raise


def _check_not_removed(container: Container) -> None:
    """Raise SandboxError if somebody else is removing the container, so that files may be gone."""
    container.reload()  # raises NotFound if it is already gone
    if container.status in ("removing", "dead"):
        raise SandboxError(f"container {container.name} was removed by another process")


def _pack_inputs(run_spec: RunSpec, layout: SandboxLayout, key: bytes, cgroup: str) -> bytes:
    contents = make_input_files(run_spec, layout, render_container_script(run_spec, layout, cgroup))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders = sorted({str(PurePosixPath(layout.inputs, name).parent) for name in contents})
        for path in (SANDBOX_ROOT, *folders, layout.outputs):
            folder = tarfile.TarInfo(path.lstrip("/"))
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o777 if path == layout.outputs else 0o755
            tar.addfile(folder)
        for name, content in contents.items():
            _add_member(tar, f"{layout.inputs}/{name}", content, 0o444)
        _add_member(tar, f"{layout.outputs}/key", key, 0o444)
    return buffer.getvalue()


def _add_member(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(path.lstrip("/"))
    member.size, member.mode, member.mtime = len(content), mode, time.time()
    tar.addfile(member, io.BytesIO(content))


def _file_limits(output_bytes: int) -> Mapping[str, int]:
    """Return name -> maximum size in bytes of the files that a run writes."""
    return {
        "patched": 0,
        "prepared": MAX_PREPARED_BYTES,
        "key": 1 << 10,
        "resource_usage": 64 << 10,
        "head": output_bytes,
        "tail": output_bytes,
        "report": MAX_REPORT_BYTES,
    }
