"""The records of curate's builds in the engine's build cache: told from others', and pruned.

Nothing of them is ever used again: a layer that was built is found as an image. But as long as a
record is there, removing its image frees nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docker

# In the text of every RUN of curate's, by which the engine describes a record; nobody else mounts
# a context so.
_MARKS = (
    "/mnt/build.env",
    "cp -a /mnt/checkout",
    "/lib > /etc/ld.so.conf.d/python.conf",
    "useradd --uid 1000 --create-home curate",
)
_BATCH_SIZE = 50  # ids in one request, which goes into a URL
_CONTEXTS = {"type": "source.local"}
_OLD = {"until": "48h"}


@dataclass(frozen=True, kw_only=True)
class CacheRecord:
    """A record of the build cache, whoever's build made it."""

    id: str
    parents: tuple[str, ...]
    kind: str  # "regular", "exec.cachemount", "source.local", ...
    description: str
    size: int
    is_shared: bool  # an image has the same layer
    created_at: str  # time in ISO 8601


def read_records(engine: docker.DockerClient) -> tuple[CacheRecord, ...]:
    """Every record of *engine*; none where it has no build cache to tell of."""
    return tuple(parse_record(facts) for facts in engine.api.df().get("BuildCache") or ())


def parse_record(facts: Mapping[str, Any]) -> CacheRecord:
    """The record that an engine describes by *facts*; older ones know one parent only."""
    parents = facts.get("Parents") or [facts.get("Parent", "")]
    return CacheRecord(
        id=facts["ID"],
        parents=tuple(filter(None, parents)),
        kind=facts["Type"],
        description=facts.get("Description", ""),
        size=int(facts["Size"]),
        is_shared=bool(facts["Shared"]),
        created_at=facts.get("CreatedAt", ""),
    )


def package_cache_records(records: Iterable[CacheRecord]) -> tuple[CacheRecord, ...]:
    """The cache of downloaded and built packages, which all of curate's builds share."""
    return tuple(
        each for each in records if each.kind == "exec.cachemount" and _MARKS[0] in each.description
    )


def unused_build_records(records: Sequence[CacheRecord]) -> tuple[CacheRecord, ...]:
    """Steps of curate's builds that no image has any longer, the newest first.

    A step is curate's by its text; what follows it is, too; what it was built upon, if nobody
    else built upon that. Images that were pulled are nobody's leftover.
    """
    regular = {each.id: each for each in records if each.kind == "regular"}
    children: dict[str, set[str]] = {}
    for each in regular.values():
        for parent in each.parents:
            children.setdefault(parent, set()).add(each.id)
    found = {
        each.id for each in regular.values() if any(marker in each.description for marker in _MARKS)
    }
    pending = list(found)
    while pending:
        name = pending.pop()
        fresh = children.get(name, set()) - found
        fresh |= {
            parent
            for parent in regular[name].parents
            if parent in regular
            and parent not in found
            and children[parent] <= found | fresh
            and not regular[parent].description.startswith("pulled from")
        }
        found |= fresh
        pending += fresh
    own_records = [regular[name] for name in found if not regular[name].is_shared]
    return tuple(sorted(own_records, key=lambda each: each.created_at, reverse=True))


def prune_records(engine: docker.DockerClient, records: Sequence[CacheRecord]) -> int:
    """Remove *records* unless they are in use; bytes that were freed."""
    freed = 0
    for start in range(0, len(records), _BATCH_SIZE):
        names = "|".join(each.id for each in records[start : start + _BATCH_SIZE])
        freed += _prune_by_filters(engine, {"id": f"/^({names})$/"})
    return freed


def prune_build_contexts(engine: docker.DockerClient, *, new: bool = False) -> int:
    """Remove what builds were sent, whosesoever, if unused for two days; bytes that were freed.

    With *new*, however short a time ago it was used.

    It cannot be told whose it is. Docker 23 and later do the same by themselves; who builds again
    only sends it again.
    """
    return _prune_by_filters(engine, _CONTEXTS | ({} if new else _OLD))


def _prune_by_filters(engine: docker.DockerClient, filters: Mapping[str, str]) -> int:
    try:
        done: Mapping[str, Any] = engine.api.prune_builds(filters=dict(filters))  # type: ignore[arg-type]
        return int(done["SpaceReclaimed"] or 0)
    except docker.errors.NotFound:  # an engine without a build cache
        return 0
