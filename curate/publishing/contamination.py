"""Benchmarks that training data must not hold: lists as data, and what is compared with them."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from curate.publishing.edits import changed_lines, source_sections
from curate.publishing.rules import read_data

OWN = ("swe-bench",)
_BLANKS = re.compile(rb"\s+")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What benchmarks hold, in lower case; patches by `patch_hash`."""

    repositories: frozenset[str]
    ids: frozenset[str]
    patches: frozenset[str]


def known(names: Iterable[str]) -> Known:
    """The union of the lists *names*: curate's own, or paths of TOML files of the same form."""
    lists = [read_data(name, OWN) for name in names]
    return Known(
        repositories=frozenset(r.lower() for one in lists for r in one.get("repositories", ())),
        ids=frozenset(i.lower() for one in lists for i in one.get("instance_ids", ())),
        patches=frozenset(p for one in lists for p in one.get("patches", ())),
    )


def patch_hash(patch: bytes) -> str:
    """SHA-256 of the lines a patch adds and removes in source files, blanks ignored.

    The same change has the same hash in a fork, at another place of the file and in another
    folder: paths, positions and context do not count. "" for a patch that changes no such line.
    """
    lines = sorted(
        (b"+" if line.added else b"-") + _BLANKS.sub(b"", line.text)
        for part in source_sections(patch)
        for line in changed_lines(part.data)
        if line.text.strip()
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest() if lines else ""
