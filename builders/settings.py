"""Settings of the builders; the defaults work on a machine with network access."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """Where images, interpreters, packages and caches come from."""

    cache_dir: Path  # folder for uv's cache, local environments and build contexts
    base_image: str = "docker.io/library/debian:bookworm-slim"
    # Folder of CPython prefixes (3.8.18/bin/python3.8); None = uv downloads them.
    python_install_dir: Path | None = None
    ca_bundle: Path | None = None  # PEM file mounted into builds
    index_url: str = ""  # package index; "" = PyPI
    docker_cli: str = ""  # path of a docker client with BuildKit; "" = detect one
    container_runtime: str = ""  # the engine's name of a runtime for test runs; "" = its default
    image_namespace: str = "curate"  # image names are <namespace>/<layer>:<key>
    # "host[:port][/folder]" of a registry that shares environment layers; "" = none.
    layer_cache_registry: str = ""
    min_free_disk_bytes: int = 4 << 30  # no build starts with less free disk space
    image_disk_limit_bytes: int = 0  # limit for images and build cache together; 0 = no limit
    images_dir: Path | None = None  # folder of exported images; None = there are none
    # Marks containers and processes of test runs, so that `cleanup` finds what a killed one left.
    run_owner: str = "nobody"
    network_timeout: float = 30.0  # seconds that an engine or a registry may be silent at first
