"""What the machine offers the builders; every field has a default that works when connected."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """Where images, interpreters, packages and caches come from."""

    cache_dir: Path  # folder for uv's cache, local environments and build contexts
    base_image: str = "docker.io/library/debian:bookworm-slim"
    python_install_dir: Path | None = (
        None  # folder of CPython prefixes (3.8.18/bin/python3.8); None = uv
    )
    ca_bundle: Path | None = None  # PEM file mounted into builds
    index_url: str = ""  # package index; "" = PyPI
    docker_cli: str = ""  # path of the docker client that has BuildKit; "" = probe
    container_runtime: str = (
        ""  # container runtime of runs, as the engine calls it; "" = its default
    )
    image_namespace: str = "curate"  # image names are <namespace>/<layer>:<key>
    layer_cache_registry: str = (
        ""  # "host[:port][/folder]" that keeps environments for all; "" = none
    )
    min_free_disk_bytes: int = 4 << 30  # free disk below which nothing is built
    image_disk_limit_bytes: int = 0  # what images and build cache may take together; 0 = no limit
    run_owner: str = (
        "nobody"  # whose runs these are, so that what a killed process left is found again
    )
