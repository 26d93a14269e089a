"""Benchmarks that training data must not hold: lists as data, and what is compared with them.

A list is a TOML file with `source`, `repositories`, `instance_ids` and `patches`, each of which may
be missing. Patches are told by the first digits of their `patch_hash`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from curate.patches.stats import hunks, source_sections
from curate.publish.data_files import read_bytes, read_data

OWN = ("swe-bench", "swe-bench-lite", "swe-bench-verified", "swe-gym")
_FOLDER = "data/benchmarks"
DIGITS = 16  # of a patch's hash that lists hold: 64 bits


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What one list holds; repositories and ids in lower case."""

    name: str
    repositories: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    patches: frozenset[str] = frozenset()


def benchmark(name: str) -> Benchmark:
    """The list *name*: one of curate's own (`OWN`), or the path of a TOML file of the same form."""
    return _own(name) if name in OWN else _read(name)


@cache
def _own(name: str) -> Benchmark:
    return _read(name)


def benchmark_bytes(name: str) -> bytes:
    """The file of the list *name*, unread: two that are the same have the same list."""
    return read_bytes(name, OWN, _FOLDER)


def _read(name: str) -> Benchmark:
    read = read_data(name, OWN, _FOLDER)
    return Benchmark(
        name=name,
        repositories=frozenset(repo.lower() for repo in read.get("repositories", ())),
        ids=frozenset(instance.lower() for instance in read.get("instance_ids", ())),
        patches=frozenset(digest[:DIGITS] for digest in read.get("patches", ())),
    )


def overlaps(instance_id: str, patch: bytes, lists: Iterable[Benchmark]) -> Iterator[str]:
    """How *lists* hold an instance: "name: pull" where it is one of theirs, "name: patch" where
    one of theirs makes the same change."""
    digest = patch_hash(patch)[:DIGITS]
    for one in lists:
        if instance_id.lower() in one.ids:
            yield f"{one.name}: pull"
        if digest and digest in one.patches:
            yield f"{one.name}: patch"


def patch_hash(patch: bytes) -> str:
    """SHA-256 of the lines a patch adds and removes in source files, blanks ignored.

    The same change has the same hash in a fork, at another place of the file and in another
    folder: paths, positions and context do not count. "" for a patch that changes no such line.
    """
    lines = sorted(
        b"".join(line.split())
        for part in source_sections(patch)
        for hunk in hunks(part)
        for line in hunk
        if line[:1] in (b"+", b"-") and line[1:].strip()
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""


def as_list(rows: Sequence[Mapping[str, str]], source: str) -> str:
    """The TOML text of a list of *rows*, of which `instance_id` and `patch` are read."""
    import tomlkit

    ids = sorted(row["instance_id"] for row in rows)
    patches = sorted({patch_hash(row["patch"].encode())[:DIGITS] for row in rows} - {""})
    document = tomlkit.document()
    document.add("source", tomlkit.item(source))
    for name, values in (("instance_ids", ids), ("patches", patches)):
        document.add(name, tomlkit.item(values).multiline(True))
    return tomlkit.dumps(document)
