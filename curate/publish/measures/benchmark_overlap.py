"""Benchmarks that training data must not contain: lists as data, and overlaps with them.

A list is a TOML file with the optional keys `source`, `repositories`, `instance_ids` and `patches`.
Patches are identified by the first digits of their `compute_patch_hash`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from curate.patches.stats import list_source_hunks
from curate.publish.data_files import read_data_bytes, read_toml_data

BUILT_IN_LISTS = ("swe-bench", "swe-bench-lite", "swe-bench-verified", "swe-gym")
_FOLDER = "data/benchmarks"
PATCH_HASH_DIGITS = 16  # hexadecimal digits of a patch hash in lists: 64 bits


@dataclass(frozen=True, kw_only=True)
class BenchmarkTasks:
    """One benchmark list; repositories and instance ids in lower case."""

    name: str
    repositories: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    patches: frozenset[str] = frozenset()


def load_benchmark(name: str) -> BenchmarkTasks:
    """Load the list *name*: one of `BUILT_IN_LISTS`, or the path of a TOML file."""
    return _load_built_in(name) if name in BUILT_IN_LISTS else _read_benchmark(name)


@cache
def _load_built_in(name: str) -> BenchmarkTasks:
    return _read_benchmark(name)


def read_benchmark_bytes(name: str) -> bytes:
    """Return the bytes of the list's file, to detect changes without parsing it."""
    return read_data_bytes(name, BUILT_IN_LISTS, _FOLDER)


def _read_benchmark(name: str) -> BenchmarkTasks:
    data = read_toml_data(name, BUILT_IN_LISTS, _FOLDER)
    return BenchmarkTasks(
        name=name,
        repositories=frozenset(repo.lower() for repo in data.get("repositories", ())),
        ids=frozenset(instance.lower() for instance in data.get("instance_ids", ())),
        patches=frozenset(digest[:PATCH_HASH_DIGITS] for digest in data.get("patches", ())),
    )


def find_overlaps(instance_id: str, patch: bytes, lists: Iterable[BenchmarkTasks]) -> Iterator[str]:
    """Yield the overlaps of an instance with *lists*.

    "name: pull" if the list contains the instance id, "name: patch" if a task of it makes the same
    change.
    """
    digest = compute_patch_hash(patch)[:PATCH_HASH_DIGITS]
    for one in lists:
        if instance_id.lower() in one.ids:
            yield f"{one.name}: pull"
        if digest and digest in one.patches:
            yield f"{one.name}: patch"


def compute_patch_hash(patch: bytes) -> str:
    """Return the SHA-256 of the lines a patch adds and removes in source files.

    Whitespace, paths, positions and context are ignored, so the same change has the same hash in
    a fork, elsewhere in the file or in another directory. "" if no such line changes.
    """
    lines = sorted(
        text
        for hunk in list_source_hunks(patch)
        for line in hunk
        if line[:1] in (b"+", b"-") and len(text := b"".join(line.split())) > 1
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""


def to_toml(rows: Sequence[Mapping[str, str]], source: str) -> str:
    """Return the TOML text of a list from the columns `instance_id` and `patch` of *rows*."""
    import tomlkit

    ids = sorted(row["instance_id"] for row in rows)
    patches = sorted(
        {compute_patch_hash(row["patch"].encode())[:PATCH_HASH_DIGITS] for row in rows} - {""}
    )
    document = tomlkit.document()
    document.add("source", tomlkit.item(source))
    for name, values in (("instance_ids", ids), ("patches", patches)):
        document.add(name, tomlkit.item(values).multiline(True))
    return tomlkit.dumps(document)
