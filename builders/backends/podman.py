"""The podman backend: the docker backend on the user's own, rootless Podman.

Podman's service speaks Docker's API, so that images, runs and sessions are those of the docker
backend. Where cgroups let no plain user hold limits of memory and processes, a watcher does.
"""

from dataclasses import replace
from functools import cached_property

import docker

from curate.builders.backends.docker import DockerBackend
from curate.builders.engine.buildkit import BuildClient
from curate.builders.engine.client import connect_to_engine
from curate.builders.engine.podman import find_podman, has_limits, start_service
from curate.builders.image_gc.collect import ProtectedImages
from curate.builders.model import BuiltInstance, Failure, InstanceSpec
from curate.builders.sandbox.docker import ContainerOptions
from curate.builders.sandbox.podman import watch_limits
from curate.builders.settings import BuildSettings

LOCAL_REGISTRY = "localhost"  # which Podman puts before names that have no registry


class PodmanBackend(DockerBackend):
    """`Backend` on rootless Podman, whose service it starts at first use."""

    name = "podman"

    def __init__(self, settings: BuildSettings, protected_images: ProtectedImages = tuple) -> None:
        namespace = f"{LOCAL_REGISTRY}/{settings.image_namespace}"
        # No limit of disk space: Podman's service does not tell of a build cache.
        own = replace(settings, image_namespace=namespace, image_disk_limit_bytes=0)
        super().__init__(own, protected_images)

    def connect(self, timeout: int = 120) -> docker.DockerClient:
        """Return a new client of this process's service."""
        patience = self.settings.network_timeout
        return connect_to_engine(timeout=timeout, ping_timeout=patience, address=start_service())

    def find_build_client(self) -> BuildClient:
        """Return `podman build`, which knows BuildKit's mounts."""
        return BuildClient(command=(find_podman(), "build", "--format=docker"))

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Build the image of *spec*, which is in Podman's storage alone."""
        built = super().build_instance(spec)
        return built if isinstance(built, Failure) else replace(built, backend=self.name)

    @cached_property
    def holds_limits(self) -> bool:
        """Whether Podman itself holds limits of memory and processes."""
        return has_limits()

    def make_container_options(self) -> ContainerOptions:
        """Return how containers run: watched, where Podman does not hold their limits."""
        watch = None if self.holds_limits else watch_limits
        return replace(super().make_container_options(), watch=watch)
