"""The docker backend: instances are images, runs are containers."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import docker

from builders.engine.buildkit import find_build_client
from builders.engine.client import connect, engine_errors, image_store
from builders.image_gc.collect import PATIENCE, Kept, Room
from builders.image_gc.last_used import Uses
from builders.images.build import Means, build_instance, sweep_contexts
from builders.images.build_queue import Turn, Turns
from builders.images.plan import Plan, plan_layers
from builders.lock.uv import sweep_locks, trim_cache
from builders.model import Built, Execution, Failure, InstanceSpec, RunResult
from builders.process.cleanup import end_children
from builders.process.free_space import UNDER_WAY, watch_disk
from builders.python.install import find_prefix
from builders.settings import BuildSettings


class DockerBackend:
    """`Backend` on a container engine; the engine is looked for at first use.

    *kept* gives ids of images that no budget may remove.
    Every method raises `EngineUnavailable` when no engine answers.
    """

    name = "docker"

    def __init__(self, settings: BuildSettings, kept: Kept = tuple) -> None:
        self.settings = settings
        self.kept = kept
        self.uses = Uses(settings.cache / "uses")
        self.turns = Turns(settings.reserve_bytes)
        self.over = 0

    @cached_property
    def engine(self) -> docker.DockerClient:
        """The docker SDK client, shared by threads."""
        return connect()

    @cached_property
    def room(self) -> Room:
        """The room for images on the engine."""
        return Room(connect(timeout=PATIENCE), self.settings, self.uses, self.kept)

    @cached_property
    def store(self) -> Path:
        """Where the engine keeps layers and what runs write, if that is on this machine."""
        with engine_errors():
            return image_store(self.engine)

    def build(self, spec: InstanceSpec) -> Built | Failure:
        """Build the image of *spec*; layers that exist are reused.

        With a disk budget, environments that were not used for longest go after one was built.
        """
        plan = self._plan(spec)
        if isinstance(plan, Failure):
            return plan
        for layer in plan.layers:
            if layer.shared:  # what others may remove
                self.uses.hold(spec.name, layer.tag)
        with engine_errors():
            built = self._built(plan)
            new = isinstance(built, Failure) or built.environment_seconds
            if self.settings.disk_bytes and new:
                self.over = self.room.make(self.settings.disk_bytes).over
        return built

    def _built(self, plan: Plan) -> Built | Failure:
        """Build; where the disk has too little room, once more when there is some."""
        client = find_build_client(self.settings.docker)

        def build(turn: Turn) -> Built | Failure:
            means = Means(settings=self.settings, engine=self.engine, client=client, turn=turn)
            return build_instance(plan, means)

        return self.turns.built(self.store, build, self._make_room)

    def _make_room(self, more: int) -> bool:
        """Whether something went: what resolving left, and images if that does not do."""
        freed = trim_cache(self.settings, self.store)
        budget = self.settings.disk_bytes
        if budget and freed < more:
            freed += self.room.make(budget, more=more - freed).size
        return freed > 0

    def names(self, spec: InstanceSpec) -> Mapping[str, str] | Failure:
        """Image tag of every layer; no engine is asked."""
        plan = self._plan(spec)
        return plan if isinstance(plan, Failure) else plan.tags

    def _plan(self, spec: InstanceSpec) -> Plan | Failure:
        prefix = find_prefix(spec.python, self.settings)
        return prefix if isinstance(prefix, Failure) else plan_layers(spec, self.settings, prefix)

    def run(self, built: Built, execution: Execution) -> RunResult:
        """Run *execution* in a fresh container without network and remove the container.

        `DiskFull` if the disk is full in the end: tests may have failed for that.
        """
        from builders.sandbox.docker import run_in_container

        runtime = self.settings.runtime or None
        owner = self.settings.owner
        result = run_in_container(
            self.engine, built, execution, runtime=runtime, owner=owner, disk=self.store
        )
        watch_disk(self.store, self.settings.reserve_bytes, part=UNDER_WAY)
        return result

    def release(self, name: str) -> None:
        """The images of the instance *name* may go."""
        self.uses.release(name)

    def sweep(self) -> None:
        """Remove this owner's containers, and what killed processes left of locks and builds."""
        from builders.sandbox.docker import sweep_containers

        sweep_contexts(self.settings)
        sweep_locks()
        sweep_containers(self.engine, self.settings.owner)

    def abort(self) -> None:
        """End builds and runs."""
        self.turns.close()
        end_children()
        self.sweep()
