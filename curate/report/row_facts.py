"""What the report says of the rows of verified instances: measured once, and stored with them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from curate.publish.code_hash import hash_inputs
from curate.publish.measures.swebench_lite import COLUMN_BY_MODE
from curate.publish.statistics import measure_row
from curate.publish.stored_rows import StoredRows
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.row import Row, get_list, get_optional_number, get_str
from curate.store.derived import Entry

_KIND, _VERSION = "report-row", 1  # raise the version if the same row gives other facts
_COLUMNS = [column.name for column in TRAIN_COLUMNS]


@dataclass(frozen=True, kw_only=True)
class RowFacts:
    """Measures of one row."""

    repo: str
    measured: Mapping[str, float | None]  # by the keys of `MEASURES`
    is_lite: bool  # of SWE-bench Lite's kind, as coded
    leaks: Sequence[str]
    leaked_fraction: float | None  # of the gold patch, in the problem statement
    overlaps: Sequence[str]  # benchmarks that hold it, without how


def make_row_facts(row: Row) -> RowFacts:
    """Return what the report counts of *row*."""
    overlaps = {text.partition(":")[0] for text in get_list(row, "benchmark_overlaps")}
    return RowFacts(
        repo=get_str(row, "repo"),
        measured=measure_row(row),
        is_lite=not get_list(row, COLUMN_BY_MODE["coded"]),
        leaks=get_list(row, "solution_leaks"),
        leaked_fraction=get_optional_number(row, "leaked_patch_fraction"),
        overlaps=sorted(overlaps),
    )


def iter_row_facts(stored: StoredRows) -> Iterator[RowFacts]:
    """Yield the facts of the rows in *stored*, which must be fresh."""
    derived, progress = stored.ctx.store.derived, stored.ctx.progress
    unmade = stored.find_unmade()
    repos, highest = stored.ctx.store.candidate_repositories(), stored.groups.highest_numbers
    inputs = {
        name: hash_inputs(_VERSION, made_from, highest.get(repos[name], 0))
        for name, made_from in stored.inputs.items()
        if name not in unmade
    }
    known = derived.inputs_by_key(_KIND)
    stale = [name for name, it in inputs.items() if known.get(name) != it]

    def make_stale() -> Iterator[Entry]:
        for number, row in enumerate(stored.read(stale, _COLUMNS), 1):
            progress("measuring rows", number, len(stale))
            name = get_str(row, "instance_id")
            yield name, inputs[name], json.dumps(asdict(make_row_facts(row))).encode()

    derived.save(_KIND, make_stale())
    derived.keep_only(_KIND, inputs)
    for _, packed in derived.iter_data(_KIND, list(inputs)):
        yield RowFacts(**json.loads(packed))
