"""The image disk limit: removes environments when images and build cache exceed it."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import docker

from curate.builders.engine.pull_notes import forget_pulled, read_pulled
from curate.builders.errors import SandboxError
from curate.builders.image_gc.build_cache import (
    CacheRecord,
    package_cache_records,
    prune_build_contexts,
    prune_records,
    read_records,
    unused_build_records,
)
from curate.builders.image_gc.inventory import (
    EngineImage,
    EnvironmentImages,
    compute_own_sizes,
    find_environments,
    read_images,
)
from curate.builders.image_gc.last_used import EnvironmentLeases
from curate.builders.image_gc.pulled import find_pulled, find_pulled_folder
from curate.builders.process.file_lock import file_lock
from curate.builders.settings import BuildSettings

OTHER_PROCESS_GRACE = 24 * 3600.0
"""Seconds for which an image is kept that is newer than its last use known here.

Another process, with another cache folder, has built it and may be using it.
"""

ENGINE_TIMEOUT = 900
"""Seconds to wait for the engine: if busy, it takes minutes to measure and to remove images."""

ProtectedImages = Callable[[], Collection[str]]
"""Returns the ids of images that must not be removed; called before a removal."""


@dataclass(frozen=True, kw_only=True)
class DiskUsage:
    """Disk space used by curate's images and build cache; all sizes are bytes."""

    image_bytes: int
    unused_build_cache: int  # records of builds whose image is gone, which are never used again
    package_cache: int  # cache of downloaded and built packages

    @property
    def total_bytes(self) -> int:
        """Bytes that count against the image disk limit."""
        return self.image_bytes + self.unused_build_cache + self.package_cache


@dataclass(frozen=True, kw_only=True)
class PruningPlan:
    """What to remove, in this order, and the excess that remains."""

    environments: tuple[EnvironmentImages, ...] = ()
    prune_packages: bool = False
    freed_bytes: int = 0  # includes unused build cache
    bytes_over_limit: int = 0  # bytes above the limit that cannot be freed


def plan_pruning(
    usage: DiskUsage,
    limit: int,
    environments: Iterable[EnvironmentImages],
    *,
    last_use: Mapping[str, float],
    in_use: Collection[str],
) -> PruningPlan:
    """Choose what to remove so that *usage* fits *limit*, least recently used environments first.

    Unused build cache always goes. Shared packages go only with all environments built on them.
    The package cache goes before environments if it takes more than half of the limit, else after
    them.

    Args:
        usage: The space used now.
        limit: Bytes to keep.
        environments: The environments and shared packages on the engine.
        last_use: Name -> time of the last use, in seconds since the epoch; the default is the
            creation time of the newest image.
        in_use: Names that must not be removed, besides those that are not `is_removable`.
    """
    excess = usage.total_bytes - usage.unused_build_cache - limit
    prune_packages = excess > 0 and usage.package_cache > limit / 2
    excess -= usage.package_cache if prune_packages else 0
    removable = [env for env in environments if env.is_removable and env.name not in in_use]
    removed: list[EnvironmentImages] = []
    for env in _sort_for_removal(removable, last_use):
        if excess <= 0:
            break
        if set(env.dependent_names) <= {other.name for other in removed}:
            removed.append(env)
            excess -= env.size
    if excess > 0 and usage.package_cache and not prune_packages:
        prune_packages, excess = True, excess - usage.package_cache
    freed_bytes = (
        usage.unused_build_cache
        + sum(env.size for env in removed)
        + (usage.package_cache if prune_packages else 0)
    )
    return PruningPlan(
        environments=tuple(removed),
        prune_packages=prune_packages,
        freed_bytes=freed_bytes,
        bytes_over_limit=max(excess, 0),
    )


def _sort_for_removal(
    environments: Sequence[EnvironmentImages], last_use: Mapping[str, float]
) -> list[EnvironmentImages]:
    """Sort by last use, oldest first; shared packages follow the last environment on them."""
    used_at = {env.name: last_use.get(env.name, env.last_created_at) for env in environments}

    def sort_key(env: EnvironmentImages) -> tuple[float, int]:
        times = (used_at.get(name, math.inf) for name in (env.name, *env.dependent_names))
        return max(times), len(env.dependent_names)

    return sorted(environments, key=sort_key)


class ImageGC:
    """Garbage collector of curate's images on one engine; safe to share between threads."""

    def __init__(
        self,
        engine: docker.DockerClient,
        settings: BuildSettings,
        environment_leases: EnvironmentLeases,
        protected_images: ProtectedImages = tuple,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.environment_leases = environment_leases
        self.protected_images = protected_images

    @cached_property
    def pulled_dir(self) -> Path:
        """Notes of the images that curate has pulled to this engine."""
        return find_pulled_folder(self.engine, self.settings.cache_dir)

    def free_space(self, limit: int, *, min_free: int = 0, dry_run: bool = False) -> PruningPlan:
        """Reduce the usage to *limit* bytes, and by at least *min_free* bytes.

        With *min_free*, the contexts of builds go first, however new they are.

        Returns:
            What was removed; with *dry_run*, what would be.

        Raises:
            SandboxError: The engine does not list its images, or does not remove one.
        """
        with file_lock(self.settings.cache_dir / "locks", "image-gc"):
            freed_contexts = (
                prune_build_contexts(self.engine, new=True) if min_free and not dry_run else 0
            )
            images, records = self._read_engine()
            usage = self._compute_usage(images, records)
            limit = min(limit, usage.total_bytes - max(min_free - freed_contexts, 0))
            found = [*find_environments(images), *self._find_pulled(images)]
            busy = (
                self._find_busy(found)
                if usage.total_bytes - usage.unused_build_cache > limit
                else ()
            )
            last_use = {env.name: self.last_use(env) for env in found}
            plan = plan_pruning(usage, limit, found, last_use=last_use, in_use=busy)
            if not dry_run:
                self._apply_plan(plan, records)
            return replace(plan, freed_bytes=plan.freed_bytes + freed_contexts)

    def free_pulled(self, *, limit: int | None = None, min_free: int = 0) -> int:
        """Remove images that curate has pulled; return the bytes that are free now.

        They can be pulled again, so they also go without an image disk limit.

        Args:
            limit: Bytes of pulled images to keep.
            min_free: Bytes to free.

        Raises:
            SandboxError: The engine does not list its images, or does not remove one.
        """
        with file_lock(self.settings.cache_dir / "locks", "image-gc"), self._translate_errors():
            found = self._find_pulled(read_images(self.engine, self.settings.image_namespace))
            total = sum(env.size for env in found)
            kept = total - min_free if limit is None else min(limit, total - min_free)
            plan = plan_pruning(
                DiskUsage(image_bytes=total, unused_build_cache=0, package_cache=0),
                max(kept, 0),
                found,
                last_use={env.name: self.last_use(env) for env in found},
                in_use=self._find_busy(found),
            )
            self._remove_environments(plan)
            return plan.freed_bytes

    def last_use(self, environment: EnvironmentImages) -> float:
        """Return the time of the last use, or else of the newest image, in epoch seconds."""
        return self.environment_leases.last_use(environment.name) or environment.last_created_at

    def measure_usage(self) -> DiskUsage:
        """Measure the current disk usage.

        Raises:
            SandboxError: The engine does not list its images.
        """
        return self._compute_usage(*self._read_engine())

    def _read_engine(self) -> tuple[tuple[EngineImage, ...], tuple[CacheRecord, ...]]:
        with self._translate_errors():
            images = read_images(self.engine, self.settings.image_namespace)
            return images, read_records(self.engine)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except docker.errors.APIError as error:
            raise SandboxError(f"the engine cannot list its images: {error}") from error

    def _find_pulled(self, images: Sequence[EngineImage]) -> list[EnvironmentImages]:
        return find_pulled(images, read_pulled(self.pulled_dir))

    def _compute_usage(
        self, images: Sequence[EngineImage], records: Sequence[CacheRecord]
    ) -> DiskUsage:
        sizes = compute_own_sizes(images)
        ours = {image.id for image in images if image.own_names}
        ours |= {env.images[0].id for env in self._find_pulled(images)}
        return DiskUsage(
            image_bytes=sum(sizes[image_id] for image_id in ours),
            unused_build_cache=sum(record.size for record in unused_build_records(records)),
            package_cache=sum(record.size for record in package_cache_records(records)),
        )

    def _find_busy(self, found: Sequence[EnvironmentImages]) -> set[str]:
        """Return the names of environments that are in use or have protected images."""
        protected = set(self.protected_images())
        protected |= {container["ImageID"] for container in self.engine.api.containers(all=True)}
        return {env.name for env in found if self._is_in_use(env, protected)}

    def _is_in_use(self, environment: EnvironmentImages, protected: Collection[str]) -> bool:
        if any(image.id in protected for image in environment.images):
            return True
        last_use = self.environment_leases.last_use(environment.name)
        built_elsewhere = environment.last_created_at > last_use
        if built_elsewhere and time.time() - environment.last_created_at < OTHER_PROCESS_GRACE:
            return True
        with self.environment_leases.try_exclusive(environment.name) as is_exclusive:
            return not is_exclusive

    def _remove_environments(self, plan: PruningPlan) -> None:
        for environment in plan.environments:
            with self.environment_leases.try_exclusive(environment.name) as is_exclusive:
                if is_exclusive:
                    self._remove_environment(environment)

    def _apply_plan(self, plan: PruningPlan, records: Sequence[CacheRecord]) -> None:
        self._remove_environments(plan)
        if plan.environments:
            records = read_records(self.engine)
        prune_records(
            self.engine,
            [
                *unused_build_records(records),
                *(package_cache_records(records) if plan.prune_packages else ()),
            ],
        )
        prune_build_contexts(self.engine)

    def _remove_environment(self, environment: EnvironmentImages) -> None:
        """Remove the images of *environment*, those built on others first."""
        for name in environment.names:
            try:
                self.engine.images.remove(name, noprune=True)
            except docker.errors.ImageNotFound:
                continue
            except docker.errors.APIError as error:
                if error.status_code == 409:
                    return
                raise SandboxError(f"{name} cannot be removed: {error}") from error
        forget_pulled(self.pulled_dir, environment.name)
