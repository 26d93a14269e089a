"""The disk budget: which environments go when curate's images and build cache take too much."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import docker

from builders.errors import SandboxError
from builders.image_gc.build_cache import (
    Record,
    leftovers,
    packages,
    prune,
    prune_contexts,
    read_records,
)
from builders.image_gc.inventory import Environment, Image, environments, own_sizes, read_images
from builders.image_gc.last_used import Uses
from builders.process.file_lock import exclusive
from builders.settings import BuildSettings

FOREIGN_SECONDS = 24 * 3600.0
"""How long images are left alone that another process made later than their last use known here."""

PATIENCE = 900
"""Seconds for an answer of the engine: to count and to remove, a busy one takes minutes."""

Kept = Callable[[], Collection[str]]
"""Ids of images that must stay, asked for when something has to go."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """What is there of curate's; all sizes are bytes."""

    images: int
    leftovers: int  # records of builds whose image is gone: no use to anybody
    packages: int  # cache of downloaded and built packages

    @property
    def total(self) -> int:
        """Bytes that count against the budget."""
        return self.images + self.leftovers + self.packages


@dataclass(frozen=True, kw_only=True)
class Going:
    """What is to go, in this order, and what stays all the same."""

    environments: tuple[Environment, ...] = ()
    packages: bool = False
    size: int = 0  # bytes of what goes, leftovers included
    over: int = 0  # bytes above the limit that nothing can be done about


def going(
    used: Used,
    limit: int,
    found: Iterable[Environment],
    *,
    last: Mapping[str, float],
    busy: Collection[str],
) -> Going:
    """What has to go so that *used* keeps to *limit*: the least recently used environments first.

    *last* has the time of the last use by name; who is not there was used when it was made. Of
    those named in *busy*, and those that are not only ours, nothing goes; a part goes when all upon
    it do. Packages are worth less than environments while they take more than half of the limit,
    and more while they do not.
    """
    excess = used.total - used.leftovers - limit
    drop = excess > 0 and used.packages > limit / 2
    excess -= used.packages if drop else 0
    chosen: list[Environment] = []
    for each in _in_order([one for one in found if one.free and one.name not in busy], last):
        if excess <= 0:
            break
        if set(each.before) <= {one.name for one in chosen}:
            chosen.append(each)
            excess -= each.size
    if excess > 0 and used.packages and not drop:
        drop, excess = True, excess - used.packages
    size = used.leftovers + sum(each.size for each in chosen) + (used.packages if drop else 0)
    return Going(environments=tuple(chosen), packages=drop, size=size, over=max(excess, 0))


def _in_order(found: Sequence[Environment], last: Mapping[str, float]) -> list[Environment]:
    """The least recently used first, a part right after the last of those upon it."""
    ages = {each.name: last.get(each.name, each.made) for each in found}

    def age(each: Environment) -> tuple[float, int]:
        used = (ages.get(name, math.inf) for name in (each.name, *each.before))
        return max(used), len(each.before)

    return sorted(found, key=age)


class Room:
    """Room for curate's images on one engine; safe to share between threads."""

    def __init__(
        self,
        engine: docker.DockerClient,
        settings: BuildSettings,
        uses: Uses,
        kept: Kept = tuple,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.uses = uses
        self.kept = kept

    def make(self, limit: int, *, more: int = 0, dry: bool = False) -> Going:
        """Keep to *limit* bytes and free at least *more*; what went, or with *dry* what would.

        Where it is a disk that needs *more*, contexts of builds go first, however new.
        """
        with exclusive(self.settings.cache / "locks", "room"):
            sent = prune_contexts(self.engine, new=True) if more and not dry else 0
            images, records = self._read()
            used = _used(images, records)
            limit = min(limit, used.total - max(more - sent, 0))
            found = environments(images)
            busy = self._busy(found) if used.total - used.leftovers > limit else ()
            last = {each.name: self.last(each) for each in found}
            plan = going(used, limit, found, last=last, busy=busy)
            if not dry:
                self._carry_out(plan, records)
            return replace(plan, size=plan.size + sent)

    def last(self, environment: Environment) -> float:
        """Time of the last use; where none is known, of the newest image."""
        return self.uses.last(environment.name) or environment.made

    def used(self) -> Used:
        """What is there now."""
        return _used(*self._read())

    def _read(self) -> tuple[tuple[Image, ...], tuple[Record, ...]]:
        try:
            return read_images(self.engine, self.settings.namespace), read_records(self.engine)
        except docker.errors.APIError as error:
            raise SandboxError(f"the engine cannot tell what it stores: {error}") from error

    def _busy(self, found: Sequence[Environment]) -> set[str]:
        """Names of environments that are in use, or have images that must stay."""
        must_stay = set(self.kept())
        must_stay |= {each["ImageID"] for each in self.engine.api.containers(all=True)}
        return {each.name for each in found if self._in_use(each, must_stay)}

    def _in_use(self, environment: Environment, must_stay: Collection[str]) -> bool:
        if any(image.id in must_stay for image in environment.images):
            return True
        foreign = environment.made > self.uses.last(environment.name)
        if foreign and time.time() - environment.made < FOREIGN_SECONDS:
            return True
        with self.uses.alone(environment.name) as alone:
            return not alone

    def _carry_out(self, plan: Going, records: Sequence[Record]) -> None:
        for environment in plan.environments:
            with self.uses.alone(environment.name) as alone:
                if alone:
                    self._remove(environment)
        if plan.environments:
            records = read_records(self.engine)
        prune(self.engine, [*leftovers(records), *(packages(records) if plan.packages else ())])
        prune_contexts(self.engine)

    def _remove(self, environment: Environment) -> None:
        """Remove the images of *environment*, those that lie upon others first."""
        for name in (name for image in environment.images for name in image.own):
            try:
                self.engine.images.remove(name, noprune=True)
            except docker.errors.ImageNotFound:
                continue
            except docker.errors.APIError as error:
                if error.status_code == 409:
                    return
                raise SandboxError(f"{name} cannot be removed: {error}") from error


def _used(images: Sequence[Image], records: Sequence[Record]) -> Used:
    sizes = own_sizes(images)
    return Used(
        images=sum(sizes[image.id] for image in images if image.own),
        leftovers=sum(each.size for each in leftovers(records)),
        packages=sum(each.size for each in packages(records)),
    )
