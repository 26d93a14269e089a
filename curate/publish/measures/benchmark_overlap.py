"""Benchmarks that training data must not hold: lists as data, and what is compared with them.

A list is a TOML file with `source`, `repositories`, `instance_ids` and `patches`, each of which may
be missing. Patches are told by the first digits of their `compute_patch_hash`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from curate.patches.stats import iter_hunks, source_file_patches
from curate.publish.data_files import read_data_bytes, read_toml_data

BUILT_IN_LISTS = ("swe-bench", "swe-bench-lite", "swe-bench-verified", "swe-gym")
_FOLDER = "data/benchmarks"
PATCH_HASH_DIGITS = 16  # of a patch's hash that lists hold: 64 bits


@dataclass(frozen=True, kw_only=True)
class BenchmarkTasks:
    """What one list holds; repositories and ids in lower case."""

    name: str
    repositories: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    patches: frozenset[str] = frozenset()


def load_benchmark(name: str) -> BenchmarkTasks:
    """The list *name*: one of curate's own (`BUILT_IN_LISTS`), or the path of a TOML file of the
    same form."""
    return _load_built_in(name) if name in BUILT_IN_LISTS else _read_benchmark(name)


@cache
def _load_built_in(name: str) -> BenchmarkTasks:
    return _read_benchmark(name)


def read_benchmark_bytes(name: str) -> bytes:
    """The file of the list *name*, unread: two that are the same have the same list."""
    return read_data_bytes(name, BUILT_IN_LISTS, _FOLDER)


def _read_benchmark(name: str) -> BenchmarkTasks:
    read = read_toml_data(name, BUILT_IN_LISTS, _FOLDER)
    return BenchmarkTasks(
        name=name,
        repositories=frozenset(repo.lower() for repo in read.get("repositories", ())),
        ids=frozenset(instance.lower() for instance in read.get("instance_ids", ())),
        patches=frozenset(digest[:PATCH_HASH_DIGITS] for digest in read.get("patches", ())),
    )


def find_overlaps(instance_id: str, patch: bytes, lists: Iterable[BenchmarkTasks]) -> Iterator[str]:
    """How *lists* hold an instance: "name: pull" where it is one of theirs, "name: patch" where
    one of theirs makes the same change."""
    digest = compute_patch_hash(patch)[:PATCH_HASH_DIGITS]
    for one in lists:
        if instance_id.lower() in one.ids:
            yield f"{one.name}: pull"
        if digest and digest in one.patches:
            yield f"{one.name}: patch"


def compute_patch_hash(patch: bytes) -> str:
    """SHA-256 of the lines a patch adds and removes in source files, blanks ignored.

    The same change has the same hash in a fork, at another place of the file and in another
    folder: paths, positions and context do not count. "" for a patch that changes no such line.
    """
    lines = sorted(
        b"".join(line.split())
        for part in source_file_patches(patch)
        for hunk in iter_hunks(part)
        for line in hunk
        if line[:1] in (b"+", b"-") and line[1:].strip()
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""


def to_toml(rows: Sequence[Mapping[str, str]], source: str) -> str:
    """The TOML text of a list of *rows*, of which `instance_id` and `patch` are read."""
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
