"""A trial as Harbor runs it: an agent's container, the collect hook, then a fresh verifier."""

import io
import json
import tarfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

PATCH = "/logs/artifacts/model.patch"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a trial left."""

    patch: bytes
    reward: dict[str, float]
    grade: dict[str, Any]
    ctrf: dict[str, Any]


def run_trial(client: docker.DockerClient, task: Path, agent: str) -> Trial:
    """Run the trial of *task* in which *agent* is a script of bash, run as root."""
    toml = tomllib.loads((task / "task.toml").read_text())
    image = toml["environment"]["docker_image"]
    (hook,) = toml["verifier"]["collect"]
    with _started(client, image) as container:
        put_files(container, {"agent.sh": agent.encode(), "gold.patch": _read_gold(task)})
        _run(container, "mkdir -p /logs/agent /logs/artifacts && bash /agent.sh")
        container.exec_run(["bash", "-c", hook["command"]], user="root")
        patch = _read(container, PATCH)
    folder = task / "tests"
    files = {f"tests/{it.relative_to(folder)}": it.read_bytes() for it in folder.rglob("*.*")}
    return run_verifier(client, image, files, patch)


def run_verifier(
    client: docker.DockerClient, image: str, files: dict[str, bytes], patch: bytes | None
) -> Trial:
    """Grade *patch* by the verifier whose *files* are given, in a fresh container of *image*."""
    artifact = {} if patch is None else {PATCH.lstrip("/"): patch}
    with _started(client, image) as container:
        _run(container, "mkdir -p /logs/artifacts /logs/verifier && chmod 777 /logs/verifier")
        put_files(container, files | artifact)
        _run(container, "bash /tests/test.sh")
        found = {
            name: json.loads(_read(container, f"/logs/verifier/{name}.json") or b"null")
            for name in ("reward", "grade", "ctrf")
        }
    return Trial(patch=patch or b"", **found)


def _read_gold(task: Path) -> bytes:
    return (task / "solution/gold.patch").read_bytes()


@contextmanager
def _started(client: docker.DockerClient, image: str) -> Iterator[Any]:
    container = client.containers.create(image, "sleep infinity", user="root", init=True)
    try:
        container.start()
        yield container
    finally:
        container.remove(force=True)


def _run(container: Any, command: str) -> None:
    done = container.exec_run(["bash", "-c", command], workdir="/testbed")
    assert done.exit_code == 0, done.output.decode(errors="replace")


def _read(container: Any, path: str) -> bytes | None:
    try:
        chunks, _ = container.get_archive(path)
    except docker.errors.NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        member = tar.extractfile(tar.getmembers()[0])
        return member.read() if member else b""


def put_files(container: Any, files: dict[str, bytes]) -> None:
    """Write *files*, by their paths without a first slash, into *container*."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    container.put_archive("/", buffer.getvalue())
