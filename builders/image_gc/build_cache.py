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
_AT_ONCE = 50  # ids in one request, which goes into a URL
_CONTEXTS = {"type": "source.local"}
_OLD = {"until": "48h"}


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record of the build cache, whoever's build made it."""

    id: str
    parents: tuple[str, ...]
    kind: str  # "regular", "exec.cachemount", "source.local", ...
    about: str
    size: int
    shared: bool  # an image has the same layer
    made: str  # time in ISO 8601


def read_records(engine: docker.DockerClient) -> tuple[Record, ...]:
    """Every record of *engine*; none where it has no build cache to tell of."""
    return tuple(record_of(facts) for facts in engine.api.df().get("BuildCache") or ())


def record_of(facts: Mapping[str, Any]) -> Record:
    """The record that an engine describes by *facts*; older ones know one parent only."""
    parents = facts.get("Parents") or [facts.get("Parent", "")]
    return Record(
        id=facts["ID"],
        parents=tuple(filter(None, parents)),
        kind=facts["Type"],
        about=facts.get("Description", ""),
        size=int(facts["Size"]),
        shared=bool(facts["Shared"]),
        made=facts.get("CreatedAt", ""),
    )


def packages(records: Iterable[Record]) -> tuple[Record, ...]:
    """The cache of downloaded and built packages, which all of curate's builds share."""
    return tuple(
        each for each in records if each.kind == "exec.cachemount" and _MARKS[0] in each.about
    )


def leftovers(records: Sequence[Record]) -> tuple[Record, ...]:
    """Steps of curate's builds that no image has any longer, the newest first.

    A step is curate's by its text; what follows it is, too; what it was built upon, if nobody
    else built upon that. Images that were pulled are nobody's leftover.
    """
    regular = {each.id: each for each in records if each.kind == "regular"}
    above: dict[str, set[str]] = {}
    for each in regular.values():
        for parent in each.parents:
            above.setdefault(parent, set()).add(each.id)
    found = {each.id for each in regular.values() if any(mark in each.about for mark in _MARKS)}
    pending = list(found)
    while pending:
        name = pending.pop()
        fresh = above.get(name, set()) - found
        fresh |= {
            parent
            for parent in regular[name].parents
            if parent in regular
            and parent not in found
            and above[parent] <= found | fresh
            and not regular[parent].about.startswith("pulled from")
        }
        found |= fresh
        pending += fresh
    ours = [regular[name] for name in found if not regular[name].shared]
    return tuple(sorted(ours, key=lambda each: each.made, reverse=True))


def prune(engine: docker.DockerClient, records: Sequence[Record]) -> int:
    """Remove *records* unless they are in use; bytes that were freed."""
    freed = 0
    for start in range(0, len(records), _AT_ONCE):
        names = "|".join(each.id for each in records[start : start + _AT_ONCE])
        freed += _pruned(engine, {"id": f"/^({names})$/"})
    return freed


def prune_contexts(engine: docker.DockerClient, *, new: bool = False) -> int:
    """Remove what builds were sent, whosesoever, if unused for two days; bytes that were freed.

    With *new*, however short a time ago it was used.

    It cannot be told whose it is. Docker 23 and later do the same by themselves; who builds again
    only sends it again.
    """
    return _pruned(engine, _CONTEXTS | ({} if new else _OLD))


def _pruned(engine: docker.DockerClient, filters: Mapping[str, str]) -> int:
    try:
        done: Mapping[str, Any] = engine.api.prune_builds(filters=dict(filters))  # type: ignore[arg-type]
        return int(done["SpaceReclaimed"] or 0)
    except docker.errors.NotFound:  # an engine without a build cache
        return 0
