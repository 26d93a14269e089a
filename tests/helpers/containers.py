"""Images for tests of the Docker sandbox: an interpreter with pytest, and tiny projects on it."""

import io
import os
import shutil
import sys
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from curate.builders.images.dockerfiles import render_base
from curate.builders.model import BuiltInstance
from curate.builders.sandbox.docker import RUN_LABEL
from tests.helpers.sandbox_behaviours import lay_project

PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "xdist", "execnet")
_REPOSITORY = "curate-test"
_NOT_NEEDED = ("test", "site-packages", "idlelib", "config-3*", "*.a", "__pycache__")


@contextmanager
def python_image(client: docker.DockerClient, context: Path) -> Iterator[str]:
    """The base image with this interpreter, this pytest and this xdist; *context* is empty."""
    ignored = shutil.ignore_patterns(*_NOT_NEEDED)
    shutil.copytree(sys.base_prefix, context / "python", symlinks=True, ignore=ignored)
    ours = Path(pytest.__file__).parent.parent
    site = context / "python" / f"lib/python3.{sys.version_info.minor}" / "site-packages"
    for name in PACKAGES:
        shutil.copytree(ours / name, site / name)
    for path in ours.glob("*.dist-info"):  # versions and entry points
        if path.name.split("-")[0] in (*PACKAGES, "pytest_xdist"):
            shutil.copytree(path, site / path.name)
    shutil.copy(ours / "py.py", site)
    (context / "Dockerfile").write_text(
        f"{render_base(os.environ['CURATE_BASE_IMAGE'])}"
        "COPY python /opt/python\n"
        "ENV PATH=/opt/python/bin:$PATH LD_LIBRARY_PATH=/opt/python/lib\n"
        "WORKDIR /testbed\n"
    )
    tag = f"{_REPOSITORY}:{uuid.uuid4().hex}"  # without one it goes when a child image goes
    client.images.build(path=str(context), tag=tag, rm=True, forcerm=True)
    try:
        yield tag
    finally:
        client.images.remove(tag, force=True)


@contextmanager
def project_image(
    client: docker.DockerClient,
    image: str,
    folder: Path,
    files: Mapping[str, str | bytes],
    packages: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[BuiltInstance]:
    """*image* with a project of *files*, made without a build: a container fed and committed.

    *folder* does not exist; the project is laid there first. *packages* are files of site-packages.
    """
    lay_project(folder, files)
    buffer = io.BytesIO()
    site = f"opt/python/lib/python3.{sys.version_info.minor}/site-packages"
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, "testbed", filter=_owned)
        for name, content in packages.items():
            member = tarfile.TarInfo(f"{site}/{name}")
            member.size = len(content.encode())
            tar.addfile(member, io.BytesIO(content.encode()))
    container = client.containers.create(image, "true")
    tag = uuid.uuid4().hex
    try:
        container.put_archive("/", buffer.getvalue())
        container.commit(_REPOSITORY, tag)
    finally:
        container.remove()
    name = f"{_REPOSITORY}:{tag}"
    try:
        yield BuiltInstance(name="t", backend="docker", handle=name, environment_key="k")
    finally:
        client.images.remove(name, force=True)


def sandboxes(client: docker.DockerClient, built: BuiltInstance) -> list[Container]:
    """Containers of the runs of *built*: others may be using the same engine."""
    filters: dict[str, Any] = {"label": RUN_LABEL, "ancestor": built.handle}
    return client.containers.list(all=True, ignore_removed=True, filters=filters)


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 1000
    return member
