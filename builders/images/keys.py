"""Keys of environments and instances: hashes of all that decides their content, and their locks."""

import fcntl
import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders.images.install_script import install_script
from builders.model import InstanceSpec


def digest(*parts: object) -> str:
    """First 20 hexadecimal digits of the SHA-256 of *parts* as JSON."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def environment_key(spec: InstanceSpec, *texts: str) -> str:
    """Hash of what an environment consists of: equal keys, equal environments.

    *texts* are what the backend adds to python, packages, system packages and architecture.
    """
    packages = sorted(spec.lock.packages)
    return digest(spec.python, packages, sorted(spec.system_packages), platform.machine(), *texts)


def instance_key(spec: InstanceSpec, *texts: str) -> str:
    """Hash of what an instance adds to its environment."""
    submodules = sorted(spec.submodules)
    return digest(spec.repo, spec.base_commit, submodules, install_script(spec), *texts)


def file_name(name: str) -> str:
    """*name* as part of an image tag or folder: lower case, at most 90 of the characters legal."""
    kept = "".join(
        each if each.isascii() and (each.isalnum() or each in "._-") else "-"
        for each in name.lower()
    )
    return kept[:90].lstrip(".-")


@contextmanager
def exclusive(folder: Path, key: str) -> Iterator[None]:
    """Hold *key* against other threads and processes that use the same *folder* for locks."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{key}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
