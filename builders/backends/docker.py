"""The docker backend: instances are images, runs are containers."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import docker

from builders.engine.buildkit import find_build_client
from builders.engine.client import connect_to_engine, find_image_store, translate_engine_errors
from builders.image_gc.collect import ENGINE_TIMEOUT, ImageGC, ProtectedImages
from builders.image_gc.last_used import EnvironmentLeases
from builders.images.build import BuildContext, build_image, remove_stale_contexts
from builders.images.build_queue import BuildQueue, BuildSlot
from builders.images.plan import ImagePlan, plan_image
from builders.lock.uv import prune_uv_cache, remove_stale_resolutions
from builders.model import BuiltInstance, Failure, InstanceSpec, RunResult, RunSpec
from builders.process.cleanup import terminate_children
from builders.process.free_space import RUNNING_BUILD_FRACTION, check_free_space
from builders.python.install import find_python
from builders.settings import BuildSettings


class DockerBackend:
    """`Backend` on a container engine; the engine is looked for at first use.

    *protected_images* gives ids of images that no budget may remove.
    Every method raises `EngineUnavailableError` when no engine answers.
    """

    name = "docker"

    def __init__(self, settings: BuildSettings, protected_images: ProtectedImages = tuple) -> None:
        self.settings = settings
        self.protected_images = protected_images
        self.environment_leases = EnvironmentLeases(settings.cache_dir / "uses")
        self.build_queue = BuildQueue(settings.min_free_disk_bytes)
        self.bytes_over_limit = 0

    @cached_property
    def engine(self) -> docker.DockerClient:
        """The docker SDK client, shared by threads."""
        return connect_to_engine()

    @cached_property
    def image_gc(self) -> ImageGC:
        """The room for images on the engine."""
        return ImageGC(
            connect_to_engine(timeout=ENGINE_TIMEOUT),
            self.settings,
            self.environment_leases,
            self.protected_images,
        )

    @cached_property
    def layer_dir(self) -> Path:
        """Where the engine keeps layers and what runs write, if that is on this machine."""
        with translate_engine_errors():
            return find_image_store(self.engine)

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Build the image of *spec*; layers that exist are reused.

        With a disk budget, environments that were not used for longest go after one was built.
        """
        plan = self._plan_image(spec)
        if isinstance(plan, Failure):
            return plan
        for layer in plan.layers:
            if layer.is_shared:  # what others may remove
                self.environment_leases.acquire(spec.name, layer.tag)
        with translate_engine_errors():
            built = self._build_with_retries(plan)
            new = isinstance(built, Failure) or built.environment_seconds
            if self.settings.image_disk_limit_bytes and new:
                self.bytes_over_limit = self.image_gc.free_space(
                    self.settings.image_disk_limit_bytes
                ).bytes_over_limit
        return built

    def _build_with_retries(self, plan: ImagePlan) -> BuiltInstance | Failure:
        """Build; where the disk has too little room, once more when there is some."""
        client = find_build_client(self.settings.docker_cli)

        def build(slot: BuildSlot) -> BuiltInstance | Failure:
            build_ctx = BuildContext(
                settings=self.settings, engine=self.engine, client=client, slot=slot
            )
            return build_image(plan, build_ctx)

        return self.build_queue.run_build(self.layer_dir, build, self._free_space)

    def _free_space(self, more: int) -> bool:
        """Whether something went: what resolving left, and images if that does not do."""
        freed = prune_uv_cache(self.settings, self.layer_dir)
        budget = self.settings.image_disk_limit_bytes
        if budget and freed < more:
            freed += self.image_gc.free_space(budget, min_free=more - freed).freed_bytes
        return freed > 0

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Image tag of every layer; no engine is asked."""
        plan = self._plan_image(spec)
        return plan if isinstance(plan, Failure) else plan.tags

    def _plan_image(self, spec: InstanceSpec) -> ImagePlan | Failure:
        prefix = find_python(spec.python, self.settings)
        return prefix if isinstance(prefix, Failure) else plan_image(spec, self.settings, prefix)

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run *run_spec* in a fresh container without network and remove the container.

        `DiskFullError` if the disk is full in the end: tests may have failed for that.
        """
        from builders.sandbox.docker import run_in_container

        runtime = self.settings.container_runtime or None
        owner = self.settings.run_owner
        result = run_in_container(
            self.engine, built, run_spec, runtime=runtime, owner=owner, disk=self.layer_dir
        )
        check_free_space(
            self.layer_dir, self.settings.min_free_disk_bytes, fraction=RUNNING_BUILD_FRACTION
        )
        return result

    def release_instance(self, name: str) -> None:
        """The images of the instance *name* may go."""
        self.environment_leases.release(name)

    def check_available(self) -> None:
        """Connect to the engine."""
        _ = self.engine

    def cleanup(self) -> None:
        """Remove this owner's containers, and what killed processes left of locks and builds."""
        from builders.sandbox.docker import remove_containers

        remove_stale_contexts(self.settings)
        remove_stale_resolutions()
        remove_containers(self.engine, self.settings.run_owner)

    def abort_all(self) -> None:
        """End builds and runs."""
        self.build_queue.close()
        terminate_children()
        self.cleanup()
