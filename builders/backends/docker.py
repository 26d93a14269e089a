"""The docker backend: instances are images, runs are containers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import docker

from curate.builders.engine.buildkit import BuildClient, find_build_client
from curate.builders.engine.client import (
    connect_to_engine,
    find_image_store,
    translate_engine_errors,
)
from curate.builders.engine.pull_notes import note_pulled
from curate.builders.engine.registry import pull_image
from curate.builders.git.checkout import make_checkout
from curate.builders.image_gc.collect import ENGINE_TIMEOUT, ImageGC, ProtectedImages
from curate.builders.image_gc.last_used import EnvironmentLeases
from curate.builders.images.build import (
    BuildContext,
    build_image,
    build_layers,
    remove_stale_contexts,
)
from curate.builders.images.build_queue import BuildQueue, BuildSlot
from curate.builders.images.dockerfiles import CHECKOUT
from curate.builders.images.plan import ImagePlan, plan_image
from curate.builders.lock.uv import prune_uv_cache, remove_stale_resolutions
from curate.builders.model import BuiltInstance, Failure, InstanceSpec, RunResult, RunSpec
from curate.builders.process.cleanup import terminate_children
from curate.builders.process.free_space import (
    RUNNING_BUILD_FRACTION,
    check_free_space,
    free_bytes,
)
from curate.builders.process.interrupt import on_forced_exit
from curate.builders.process.temp_dirs import temp_dir
from curate.builders.python.install import find_python
from curate.builders.settings import BuildSettings

if TYPE_CHECKING:
    from curate.builders.sandbox.docker import ContainerOptions

T = TypeVar("T")


class DockerBackend:
    """`Backend` on a container engine, to which it connects at first use.

    *protected_images* returns the ids of images that are never removed to free disk space.
    Every method raises `EngineUnavailableError` when no engine responds.
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
        return self.connect()

    def connect(self, timeout: int = 120) -> docker.DockerClient:
        """Return a new client of the engine, which waits *timeout* seconds for each answer."""
        return connect_to_engine(timeout=timeout, ping_timeout=self.settings.network_timeout)

    @cached_property
    def image_gc(self) -> ImageGC:
        """The garbage collector of images on the engine."""
        return ImageGC(
            self.connect(ENGINE_TIMEOUT),
            self.settings,
            self.environment_leases,
            self.protected_images,
        )

    @cached_property
    def layer_dir(self) -> Path:
        """The engine's storage folder if it is on this machine, else the root folder."""
        with translate_engine_errors():
            return find_image_store(self.engine)

    @cached_property
    def machine_cpus(self) -> int:
        """Number of CPUs of the engine's machine."""
        from curate.builders.sandbox.docker import count_machine_cpus

        return count_machine_cpus(self.engine)

    def build_instance(self, spec: InstanceSpec) -> BuiltInstance | Failure:
        """Build the image of *spec*; existing layers are reused.

        With an image disk limit, the least recently used environments are removed after a build.
        """
        plan = self.plan_image_of(spec)
        if isinstance(plan, Failure):
            return plan
        self._lease_layers(plan)
        with translate_engine_errors():
            built = self._build_with_retries(plan, build_image)
            built_new_layers = isinstance(built, Failure) or built.environment_seconds
            if self.settings.image_disk_limit_bytes and built_new_layers:
                self.bytes_over_limit = self.image_gc.free_space(
                    self.settings.image_disk_limit_bytes
                ).bytes_over_limit
        return built

    def _lease_layers(self, plan: ImagePlan) -> None:
        for layer in plan.layers:
            if layer.is_shared:  # other processes may remove it
                self.environment_leases.acquire(plan.spec.name, layer.tag)

    def _build_with_retries(
        self, plan: ImagePlan, build_plan: Callable[[ImagePlan, BuildContext], T]
    ) -> T:
        """Build by *build_plan*; if the disk is full, retry once space was freed."""
        client = self.find_build_client()

        def build(slot: BuildSlot) -> T:
            build_ctx = BuildContext(
                settings=self.settings, engine=self.engine, client=client, slot=slot
            )
            return build_plan(plan, build_ctx)

        return self.build_queue.run_build(self.layer_dir, build, self.free_space)

    def find_build_client(self) -> BuildClient:
        """Return the command line that builds images."""
        return find_build_client(self.settings.docker_cli)

    def free_space(self, min_bytes: int) -> bool:
        """Prune uv's cache, then images if that is not enough; return whether anything went."""
        freed = prune_uv_cache(self.settings, self.layer_dir)
        limit = self.settings.image_disk_limit_bytes
        if limit and freed < min_bytes:
            freed += self.image_gc.free_space(limit, min_free=min_bytes - freed).freed_bytes
        return freed > 0

    def pull_instance(self, reference: str) -> None:
        """Pull the image *reference*, "repository@sha256:…", which `lease_image` keeps.

        Where the disk is short, images go that were pulled before, the least recently used first.

        Raises:
            RegistryError: The registry does not have it, or does not respond.
            DiskFullError: The disk is short even so.
        """
        self._make_room_for_pull()
        pull_image(self.engine, reference)
        note_pulled(self.image_gc.pulled_dir, reference)
        if self.settings.image_disk_limit_bytes:
            self.image_gc.free_pulled(limit=self.settings.image_disk_limit_bytes)

    def lease_image(self, user: str, reference: str) -> None:
        """Keep the image *reference* until `release_instance` of *user*, if it may go at all."""
        self.environment_leases.acquire(user, reference)

    def _make_room_for_pull(self) -> None:
        reserve = self.settings.min_free_disk_bytes
        while (missing := reserve - free_bytes(self.layer_dir)) > 0:
            if not self.image_gc.free_pulled(min_free=missing):
                break
        check_free_space(self.layer_dir, reserve, fraction=RUNNING_BUILD_FRACTION)

    def layer_names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Return the image tag of every layer by name, without asking the engine."""
        plan = self.plan_image_of(spec)
        return plan if isinstance(plan, Failure) else plan.tags

    def plan_image_of(self, spec: InstanceSpec) -> ImagePlan | Failure:
        """The layers of *spec*'s image; no engine is asked."""
        prefix = find_python(spec.python, self.settings)
        return prefix if isinstance(prefix, Failure) else plan_image(spec, self.settings, prefix)

    def run_tests(self, built: BuiltInstance, run_spec: RunSpec) -> RunResult:
        """Run *run_spec* in a new container without network and remove the container.

        Raises:
            DiskFullError: The disk is full after the run, so tests may have failed for that.
        """
        return self._run_in_container(built, run_spec)

    def _run_in_container(
        self, built: BuiltInstance, run_spec: RunSpec, archive: Path | None = None
    ) -> RunResult:
        from curate.builders.sandbox.docker import run_in_container

        options = replace(self.make_container_options(), archive=archive)
        result = run_in_container(self.engine, built, run_spec, options)
        check_free_space(
            self.layer_dir, self.settings.min_free_disk_bytes, fraction=RUNNING_BUILD_FRACTION
        )
        return result

    def make_container_options(self) -> "ContainerOptions":
        """Return how the containers of this backend run."""
        from curate.builders.sandbox.docker import ContainerOptions

        return ContainerOptions(
            runtime=self.settings.container_runtime or None,
            owner=self.settings.run_owner,
            machine_cpus=self.machine_cpus,
            disk=self.layer_dir,
        )

    def run_in_environment(self, spec: InstanceSpec, run_spec: RunSpec) -> RunResult | Failure:
        """Build the layers below the instance's own; run in a new container with the checkout."""
        whole = self.plan_image_of(spec)
        if isinstance(whole, Failure):
            return whole
        plan = replace(whole, layers=whole.layers[:-1])
        self._lease_layers(plan)
        with translate_engine_errors():
            seconds = self._build_with_retries(plan, build_layers)
        if isinstance(seconds, Failure):
            return seconds
        from curate.builders.sandbox.archive import pack_folder

        with temp_dir(self.settings.cache_dir / "contexts", "build") as folder:
            make_checkout(spec.mirror, spec.base_commit, folder / "checkout", spec.submodules)
            archive = pack_folder(folder / "checkout", CHECKOUT, folder / "checkout.tar")
            environment = BuiltInstance(
                name=spec.name,
                backend=self.name,
                handle=plan.layers[-1].tag,
                environment_key=plan.environment_key,
            )
            return self._run_in_container(environment, run_spec, archive)

    def release_instance(self, name: str) -> None:
        """Allow the removal of the images of the instance *name*."""
        self.environment_leases.release(name)

    def check_available(self) -> None:
        """Connect to the engine."""
        from curate.builders.sandbox.remove import start_removal

        _ = self.engine
        on_forced_exit(partial(start_removal, self.settings.run_owner, self.name))

    def cleanup(self) -> None:
        """Remove this owner's containers, and leftovers of killed builds and lock resolutions."""
        from curate.builders.sandbox.docker import remove_containers

        remove_stale_contexts(self.settings)
        remove_stale_resolutions()
        remove_containers(self.engine, self.settings.run_owner)

    def abort_all(self) -> None:
        """Stop all builds and runs."""
        self.build_queue.close()
        terminate_children()
        self.cleanup()
