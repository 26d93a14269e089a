"""Releases of few words: rows that nothing is wrong with, and a folder that holds them."""

from pathlib import Path
from typing import Any

from curate.publish.card import CardData
from curate.publish.release import ReleaseContent, write_release
from curate.publish.rows import CodebaseFacts, PublishedImage, make_raw_row, make_train_row
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS
from curate.releases.row import Row
from curate.releases.table import make_table
from tests.helpers.factories import make_candidate, make_validation

IMAGE = PublishedImage(reference="r.example/i@sha256:" + "d" * 64, digest="sha256:" + "d" * 64)


def train_row(*arguments: Any, **options: Any) -> dict[str, Any]:
    """The row of `make_train_row`, which must not be an exclusion."""
    row = make_train_row(*arguments, **options)
    assert isinstance(row, dict), row
    return row


def raw_row(*arguments: Any, **options: Any) -> dict[str, Any]:
    """The row of `make_raw_row`, which must not be an exclusion."""
    row = make_raw_row(*arguments, **options)
    assert isinstance(row, dict), row
    return row


def good(number: int = 7, **changes: Any) -> dict[str, Any]:
    patch = make_candidate().patch.replace(b"-1\n", b"-" + b"x" * number + b"\n")
    statement = f"Problem {number} " + "of its own " * number
    one = make_candidate(number, patch=patch, problem_statement=statement)
    return train_row(one, make_validation(number), IMAGE, CodebaseFacts()) | {
        "eval_verified": True,
        **changes,
    }


def released(folder: Path, *train: Row, raw: Any = (), **subsets: Any) -> Path:
    facts = CardData(
        repo_id="o/n",
        excluded={"publish/license": 3},
        filters_about="What we hold back.",
        licenses={"MIT": 2, "": 1},
    )
    tables = {name: make_table(TRAIN_COLUMNS, rows) for name, rows in subsets.items()}
    content = ReleaseContent(
        card_data=facts,
        train=make_table(TRAIN_COLUMNS, train),
        raw=make_table(RAW_COLUMNS, raw),
        subsets=tables,
    )
    return write_release(folder, content)
