"""The disk budget: which environments go when curate's images and build cache take too much."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import docker

from builders.errors import SandboxError
from builders.image_gc.build_cache import (
    CacheRecord,
    package_cache_records,
    prune_build_contexts,
    prune_records,
    read_records,
    unused_build_records,
)
from builders.image_gc.inventory import (
    EngineImage,
    EnvironmentImages,
    compute_own_sizes,
    find_environments,
    read_images,
)
from builders.image_gc.last_used import EnvironmentLeases
from builders.process.file_lock import file_lock
from builders.settings import BuildSettings

OTHER_PROCESS_GRACE = 24 * 3600.0
"""How long images are left alone that another process made later than their last use known here."""

ENGINE_TIMEOUT = 900
"""Seconds for an answer of the engine: to count and to remove, a busy one takes minutes."""

ProtectedImages = Callable[[], Collection[str]]
"""Ids of images that must stay, asked for when something has to go."""


@dataclass(frozen=True, kw_only=True)
class DiskUsage:
    """What is there of curate's; all sizes are bytes."""

    image_bytes: int
    unused_build_cache: int  # records of builds whose image is gone: no use to anybody
    package_cache: int  # cache of downloaded and built packages

    @property
    def total_bytes(self) -> int:
        """Bytes that count against the budget."""
        return self.image_bytes + self.unused_build_cache + self.package_cache


@dataclass(frozen=True, kw_only=True)
class PruningPlan:
    """What is to go, in this order, and what stays all the same."""

    environments: tuple[EnvironmentImages, ...] = ()
    prune_packages: bool = False
    freed_bytes: int = 0  # bytes of what goes, leftovers included
    bytes_over_limit: int = 0  # bytes above the limit that nothing can be done about


def plan_pruning(
    usage: DiskUsage,
    limit: int,
    environments: Iterable[EnvironmentImages],
    *,
    last_use: Mapping[str, float],
    in_use: Collection[str],
) -> PruningPlan:
    """What has to go so that *usage* keeps to *limit*: the least recently used environments first.

    *last_use* has the time of the last use by name; who is not there was used when it was made. Of
    those named in *in_use*, and those that are not only ours, nothing goes; a part goes when all
    upon it do. Packages are worth less than environments while they take more than half of the
    limit, and more while they do not.
    """
    excess = usage.total_bytes - usage.unused_build_cache - limit
    prune_packages = excess > 0 and usage.package_cache > limit / 2
    excess -= usage.package_cache if prune_packages else 0
    chosen: list[EnvironmentImages] = []
    for each in _sort_for_removal(
        [one for one in environments if one.is_removable and one.name not in in_use], last_use
    ):
        if excess <= 0:
            break
        if set(each.dependent_names) <= {one.name for one in chosen}:
            chosen.append(each)
            excess -= each.size
    if excess > 0 and usage.package_cache and not prune_packages:
        prune_packages, excess = True, excess - usage.package_cache
    size = (
        usage.unused_build_cache
        + sum(each.size for each in chosen)
        + (usage.package_cache if prune_packages else 0)
    )
    return PruningPlan(
        environments=tuple(chosen),
        prune_packages=prune_packages,
        freed_bytes=size,
        bytes_over_limit=max(excess, 0),
    )


def _sort_for_removal(
    found: Sequence[EnvironmentImages], last_use: Mapping[str, float]
) -> list[EnvironmentImages]:
    """The least recently used first, a part right after the last of those upon it."""
    ages = {each.name: last_use.get(each.name, each.last_created_at) for each in found}

    def age(each: EnvironmentImages) -> tuple[float, int]:
        used = (ages.get(name, math.inf) for name in (each.name, *each.dependent_names))
        return max(used), len(each.dependent_names)

    return sorted(found, key=age)


class ImageGC:
    """Room for curate's images on one engine; safe to share between threads."""

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

    def free_space(self, limit: int, *, min_free: int = 0, dry_run: bool = False) -> PruningPlan:
        """Keep to *limit* bytes and free at least *min_free*; what went, or with *dry_run* what
        would.

        Where it is a disk that needs *min_free*, contexts of builds go first, however new.
        """
        with file_lock(self.settings.cache_dir / "locks", "room"):
            freed_contexts = (
                prune_build_contexts(self.engine, new=True) if min_free and not dry_run else 0
            )
            images, records = self._read_engine()
            usage = _compute_usage(images, records)
            limit = min(limit, usage.total_bytes - max(min_free - freed_contexts, 0))
            found = find_environments(images)
            busy = (
                self._find_busy(found)
                if usage.total_bytes - usage.unused_build_cache > limit
                else ()
            )
            last = {each.name: self.last_use(each) for each in found}
            plan = plan_pruning(usage, limit, found, last_use=last, in_use=busy)
            if not dry_run:
                self._apply_plan(plan, records)
            return replace(plan, freed_bytes=plan.freed_bytes + freed_contexts)

    def last_use(self, environment: EnvironmentImages) -> float:
        """Time of the last use; where none is known, of the newest image."""
        return self.environment_leases.last_use(environment.name) or environment.last_created_at

    def measure_usage(self) -> DiskUsage:
        """What is there now."""
        return _compute_usage(*self._read_engine())

    def _read_engine(self) -> tuple[tuple[EngineImage, ...], tuple[CacheRecord, ...]]:
        try:
            return read_images(self.engine, self.settings.image_namespace), read_records(
                self.engine
            )
        except docker.errors.APIError as error:
            raise SandboxError(f"the engine cannot tell what it stores: {error}") from error

    def _find_busy(self, found: Sequence[EnvironmentImages]) -> set[str]:
        """Names of environments that are in use, or have images that must stay."""
        protected = set(self.protected_images())
        protected |= {each["ImageID"] for each in self.engine.api.containers(all=True)}
        return {each.name for each in found if self._is_in_use(each, protected)}

    def _is_in_use(self, environment: EnvironmentImages, protected: Collection[str]) -> bool:
        if any(image.id in protected for image in environment.images):
            return True
        made_elsewhere = environment.last_created_at > self.environment_leases.last_use(
            environment.name
        )
        if made_elsewhere and time.time() - environment.last_created_at < OTHER_PROCESS_GRACE:
            return True
        with self.environment_leases.try_exclusive(environment.name) as alone:
            return not alone

    def _apply_plan(self, plan: PruningPlan, records: Sequence[CacheRecord]) -> None:
        for environment in plan.environments:
            with self.environment_leases.try_exclusive(environment.name) as alone:
                if alone:
                    self._remove_environment(environment)
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
        """Remove the images of *environment*, those that lie upon others first."""
        for name in (name for image in environment.images for name in image.own_names):
            try:
                self.engine.images.remove(name, noprune=True)
            except docker.errors.ImageNotFound:
                continue
            except docker.errors.APIError as error:
                if error.status_code == 409:
                    return
                raise SandboxError(f"{name} cannot be removed: {error}") from error


def _compute_usage(images: Sequence[EngineImage], records: Sequence[CacheRecord]) -> DiskUsage:
    sizes = compute_own_sizes(images)
    return DiskUsage(
        image_bytes=sum(sizes[image.id] for image in images if image.own_names),
        unused_build_cache=sum(each.size for each in unused_build_records(records)),
        package_cache=sum(each.size for each in package_cache_records(records)),
    )
