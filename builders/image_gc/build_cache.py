"""The engine's build cache: finds the records of curate's builds and prunes them.

They are never used again, because existing layers are reused as images. But while a record
exists, removing its image frees no space.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docker

# The engine describes a record by the text of its RUN instruction. Every RUN of curate's
# Dockerfiles contains one of these, and other Dockerfiles are unlikely to.
_CURATE_MARKERS = (
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
    """A record of the build cache, of a build by curate or by others."""

    id: str
    parents: tuple[str, ...]
    kind: str  # "regular", "exec.cachemount", "source.local", ...
    description: str
    size: int
    is_shared: bool  # an image uses the same layer
    created_at: str  # ISO 8601


def read_records(engine: docker.DockerClient) -> tuple[CacheRecord, ...]:
    """Return every build cache record of *engine*; () if it reports none."""
    return tuple(parse_record(facts) for facts in engine.api.df().get("BuildCache") or ())


def parse_record(facts: Mapping[str, Any]) -> CacheRecord:
    """Parse a record of the engine's API; older engines report only one parent."""
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
    """Return the records of the cache mount for packages, which all builds of curate share."""
    return tuple(
        record
        for record in records
        if record.kind == "exec.cachemount" and _CURATE_MARKERS[0] in record.description
    )


def unused_build_records(records: Sequence[CacheRecord]) -> tuple[CacheRecord, ...]:
    """Return the records of curate's builds that no image uses any longer, newest first.

    A record belongs to curate if its description says so, if its parent does, or if all its
    children do. Records of pulled images never count.
    """
    regular = {record.id: record for record in records if record.kind == "regular"}
    children: dict[str, set[str]] = {}
    for record in regular.values():
        for parent in record.parents:
            children.setdefault(parent, set()).add(record.id)
    found = {
        record.id
        for record in regular.values()
        if any(marker in record.description for marker in _CURATE_MARKERS)
    }
    pending = list(found)
    while pending:
        name = pending.pop()
        new = children.get(name, set()) - found
        new |= {
            parent
            for parent in regular[name].parents
            if parent in regular
            and parent not in found
            and children[parent] <= found | new
            and not regular[parent].description.startswith("pulled from")
        }
        found |= new
        pending += new
    own_records = [regular[name] for name in found if not regular[name].is_shared]
    return tuple(sorted(own_records, key=lambda record: record.created_at, reverse=True))


def prune_records(engine: docker.DockerClient, records: Sequence[CacheRecord]) -> int:
    """Remove *records* that are not in use and return the freed bytes."""
    freed = 0
    for start in range(0, len(records), _BATCH_SIZE):
        names = "|".join(record.id for record in records[start : start + _BATCH_SIZE])
        freed += _prune_by_filters(engine, {"id": f"/^({names})$/"})
    return freed


def prune_build_contexts(engine: docker.DockerClient, *, new: bool = False) -> int:
    """Remove build contexts unused for 48 hours, with *new* all of them; return the freed bytes.

    Contexts of other users' builds are removed, too, as the engine does not say whose they are.
    Docker 23 and later do the same by default; a later build only has to send its context again.
    """
    return _prune_by_filters(engine, _CONTEXTS | ({} if new else _OLD))


def _prune_by_filters(engine: docker.DockerClient, filters: Mapping[str, str]) -> int:
    try:
        result: Mapping[str, Any] = engine.api.prune_builds(filters=dict(filters))  # type: ignore[arg-type]
        return int(result["SpaceReclaimed"] or 0)
    except docker.errors.NotFound:  # an engine without a build cache
        return 0
