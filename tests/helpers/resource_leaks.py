"""What a curate that was killed has left: containers, folders, processes, locks, image names."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import docker

_FOLDERS = ("tmp/*", "cache/contexts/*", "cache/*/making-*", "data/blobs/*/*.part")


def find_leaked_resources(folder: Path, client: docker.DockerClient) -> set[str]:
    """Names of all that only a running curate of *folder* may have, in an engine of its own."""
    containers = client.containers.list(all=True, ignore_removed=True)
    found = {f"container {each.name}" for each in containers}
    for pattern in _FOLDERS:
        found |= {f"path {path.relative_to(folder)}" for path in folder.glob(pattern)}
    return found | {f"process {text}" for text in _processes(folder)}


def held_locks(folder: Path) -> list[str]:
    """Lock files that somebody holds."""
    held = []
    for path in folder.rglob("*.lock"):
        with path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(str(path.relative_to(folder)))
    return held


def image_names(client: docker.DockerClient) -> list[str]:
    """Names of all images, and ids of those that have none; without what they were named for."""
    images = client.images.list()
    return sorted(name for each in images for name in (each.tags or [f"unnamed {each.id}"]))


def _processes(folder: Path) -> Iterator[str]:
    """Pid and command of every process that got the variables of a curate of *folder*."""
    mark = f"CURATE_DATA_DIR={folder / 'data'}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0") and entry.name != _OWN:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                yield f"{entry.name} {b' '.join(command[:3]).decode(errors='replace')}"
        except OSError:
            continue


_OWN = str(os.getpid())
