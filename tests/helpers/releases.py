"""Releases of few words: rows that nothing is wrong with, and a folder that holds them."""

from pathlib import Path
from typing import Any

from curate.publish.release import CardFacts, Release, write_release
from curate.publish.rows import Base, Image, train_row
from curate.releases.row import Row
from tests.helpers.factories import candidate, validation

IMAGE = Image(reference="r.example/i@sha256:" + "d" * 64, digest="sha256:" + "d" * 64)


def good(number: int = 7, **changes: Any) -> dict[str, Any]:
    patch = candidate().patch.replace(b"-1\n", b"-" + b"x" * number + b"\n")
    statement = f"Problem {number} " + "of its own " * number
    one = candidate(number, patch=patch, problem_statement=statement)
    return train_row(one, validation(number), IMAGE, Base()) | changes


def released(folder: Path, *train: Row, raw: Any = (), **subsets: Any) -> Path:
    facts = CardFacts(
        repo_id="o/n",
        held={"publish/licence": 3},
        rules="What we hold back.",
        licences={"MIT": 2, "": 1},
    )
    return write_release(folder, Release(facts=facts, train=train, raw=raw, subsets=subsets))
