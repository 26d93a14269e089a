"""All rows of the store after filtering, for releases and exports.

What filters know of a row is computed once, and stored until the row or the filters change.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.builders.rfc3339 import format_rfc3339
from curate.core.errors import report_bug
from curate.core.model import Candidate
from curate.publish.code_hash import hash_inputs
from curate.publish.context import PublishContext
from curate.publish.filters.apply import RowExaminer, SplitExaminers
from curate.publish.filters.config import (
    Exclusion,
    ReleaseFilters,
    as_exclusion,
    exclude_for_bug,
)
from curate.publish.filters.decide import ChangingFacts, decide_exclusions
from curate.publish.filters.examined_row import ExaminedRow, unpack_examined
from curate.publish.rows import CodebaseFacts, make_raw_row
from curate.publish.stored_exclusions import hash_row_filters, read_exclusions, save_exclusions
from curate.publish.stored_groups import count_unknown_candidates
from curate.publish.stored_rows import StoredRows
from curate.releases.columns import RAW_COLUMNS, TRAIN_COLUMNS
from curate.releases.row import Row
from curate.releases.table import RowTable
from curate.store.derived import Entry

_EXAMINED, _RAW = "examined-row", "examined-raw-row"


@dataclass(frozen=True, kw_only=True)
class FilteredRows:
    """Included rows of one split, and the exclusions of the others by instance id."""

    rows: RowTable
    excluded: Mapping[str, Sequence[Exclusion]]


def make_train_rows(ctx: PublishContext, examiner: RowExaminer) -> FilteredRows:
    """Return the rows of all verified candidates, with the images as built on this machine."""
    stored = StoredRows(ctx=ctx)
    stored.refresh()
    examined = list(_examine_train_rows(stored, examiner))
    excluded = read_exclusions(ctx, examiner.filters)
    if excluded is None:
        excluded = _decide(ctx, examined, examiner.filters, _read_facts(stored, examiner.filters))
        save_exclusions(ctx, examiner.filters, excluded)
    ids = [name for name in stored.inputs if name not in excluded]
    rows = RowTable(columns=TRAIN_COLUMNS, ids=ids, read=stored.read)
    return FilteredRows(rows=rows, excluded=excluded)


def make_raw_rows(ctx: PublishContext, examiner: RowExaminer) -> FilteredRows:
    """Return the rows of all candidates; *examiner* has the filters for the raw split."""
    inputs = _hash_raw(ctx, examiner.filters)
    licenses: dict[str, str] = {}
    examined = []
    for license, each in _examine_raw_rows(ctx, examiner, inputs):
        licenses[each.instance_id] = license
        examined.append(each)
    excluded = _decide(ctx, examined, examiner.filters, ChangingFacts())

    def read(ids: Sequence[str], _: object) -> Iterator[Row]:
        for candidate in ctx.store.iter_candidates(ids=ids):
            row = make_raw_row(candidate, CodebaseFacts(license=licenses[candidate.instance_id]))
            assert not isinstance(row, Exclusion)
            yield row

    ids = [name for name in inputs if name not in excluded]
    return FilteredRows(rows=RowTable(columns=RAW_COLUMNS, ids=ids, read=read), excluded=excluded)


def find_exclusions(
    ctx: PublishContext, filters: ReleaseFilters
) -> Mapping[str, Sequence[Exclusion]]:
    """Return the exclusions of all verified candidates by instance id."""
    return make_train_rows(ctx, RowExaminer(filters)).excluded


def find_own_exclusions(
    ctx: PublishContext, filters: ReleaseFilters, ids: Sequence[str]
) -> Mapping[str, Sequence[Exclusion]]:
    """Return the exclusions of the verified candidates *ids*, not compared with any other."""
    stored, examiner = StoredRows(ctx=ctx), RowExaminer(filters)
    stored.refresh(ids)
    facts = ChangingFacts(
        evaluation_problems=stored.find_failed_evaluations(),
        certification_problems=stored.find_failed_certifications(),
    )
    excluded: dict[str, Sequence[Exclusion]] = {}
    for row in stored.read_made(ids):
        each = _as_examined(row) if isinstance(row, Exclusion) else examiner.examine(row)
        excluded |= _decide(ctx, [each], filters, facts)
    return excluded


def remember_examined(ctx: PublishContext, examiners: SplitExaminers) -> None:
    """Let *examiners* know what is stored of the rows in the store, for a check of a release."""
    stored = StoredRows(ctx=ctx)
    for kind, inputs, examiner in (
        (_EXAMINED, _hash_examined(stored, examiners.train.filters), examiners.train),
        (_RAW, _hash_raw(ctx, examiners.raw.filters), examiners.raw),
    ):
        known = ctx.store.derived.inputs_by_key(kind)
        current = [name for name in inputs if known.get(name) == inputs[name]]
        for _, packed in ctx.store.derived.iter_data(kind, current):
            examiner.remember(_unpack_raw(packed)[1] if kind == _RAW else unpack_examined(packed))


def count_unexamined(ctx: PublishContext, filters: ReleaseFilters) -> int:
    """Return how many candidates must be examined before exclusions are known."""
    stored = StoredRows(ctx=ctx)
    count = len(_list_stale(stored, _hash_examined(stored, filters)))
    return count + (count_unknown_candidates(ctx) if filters.one_per_leak_group else 0)


def _decide(
    ctx: PublishContext,
    examined: Iterable[ExaminedRow],
    filters: ReleaseFilters,
    facts: ChangingFacts,
) -> Mapping[str, Sequence[Exclusion]]:
    """Exclusions by people first, then those by *filters*."""
    manual = {name: as_exclusion(it) for name, it in ctx.store.manual_exclusions.read_all().items()}
    rows = list(examined)
    others = (row for row in rows if row.instance_id not in manual)
    excluded: dict[str, Sequence[Exclusion]] = {**decide_exclusions(others, filters, facts)}
    for row in rows:
        if row.instance_id in manual:
            own = decide_exclusions([row], filters, facts).get(row.instance_id, [])
            excluded[row.instance_id] = [manual[row.instance_id], *own]
    return excluded


def _read_facts(stored: StoredRows, filters: ReleaseFilters) -> ChangingFacts:
    return ChangingFacts(
        leak_groups=stored.groups.leak_groups if filters.one_per_leak_group else {},
        evaluation_problems=stored.find_failed_evaluations(),
        certification_problems=stored.find_failed_certifications(),
    )


def _examine_train_rows(stored: StoredRows, examiner: RowExaminer) -> Iterator[ExaminedRow]:
    """Yield what the filters know of each verified candidate's row, examining what is new."""
    derived, progress = stored.ctx.store.derived, stored.ctx.progress
    inputs = _hash_examined(stored, examiner.filters)
    stale = _list_stale(stored, inputs)

    def examine_stale() -> Iterator[Entry]:
        for number, row in enumerate(stored.read_made(stale), 1):
            progress("filtering rows", number, len(stale))
            each = _as_examined(row) if isinstance(row, Exclusion) else examiner.examine(row)
            yield each.instance_id, inputs[each.instance_id], each.pack()

    derived.save(_EXAMINED, examine_stale())
    derived.keep_only(_EXAMINED, inputs)
    for _, packed in derived.iter_data(_EXAMINED, list(inputs)):
        each = unpack_examined(packed)
        examiner.remember(each)
        yield each


def _hash_examined(stored: StoredRows, filters: ReleaseFilters) -> dict[str, str]:
    hashed = hash_row_filters(filters)
    return {name: hash_inputs(key, hashed) for name, key in stored.inputs.items()}


def _hash_raw(ctx: PublishContext, filters: ReleaseFilters) -> dict[str, str]:
    repos, hashed = ctx.store.candidate_repositories(), hash_row_filters(filters)
    return {
        name: hash_inputs(value, hashed, ctx.codebases.has_mirror(repos[name]))
        for name, value in ctx.store.candidate_hashes().items()
    }


def _unpack_raw(packed: bytes) -> tuple[str, ExaminedRow]:
    license_json, _, rest = packed.partition(b"\n")
    return json.loads(license_json), unpack_examined(rest)


def _list_stale(stored: StoredRows, inputs: Mapping[str, str]) -> list[str]:
    """Ids of rows that were never examined, or have to be made again each time."""
    known = stored.ctx.store.derived.inputs_by_key(_EXAMINED)
    missing = frozenset(stored.list_missing())
    return [name for name in inputs if known.get(name) != inputs[name] or name in missing]


def _examine_raw_rows(
    ctx: PublishContext, examiner: RowExaminer, inputs: Mapping[str, str]
) -> Iterator[tuple[str, ExaminedRow]]:
    """Yield (license, what the filters know) of each candidate's raw row."""
    derived = ctx.store.derived
    known = derived.inputs_by_key(_RAW)
    stale = [name for name in inputs if known.get(name) != inputs[name]]

    def examine_stale() -> Iterator[Entry]:
        for number, candidate in enumerate(ctx.store.iter_candidates(ids=stale), 1):
            ctx.progress("filtering candidates", number, len(stale))
            license = _detect_license(ctx, candidate)
            each = _examine_candidate(candidate, license, examiner)
            is_final = bool(license) or not ctx.codebases.has_mirror(candidate.repo)
            entry_inputs = inputs[candidate.instance_id] if is_final else ""
            packed = json.dumps(license).encode() + b"\n" + each.pack()
            yield candidate.instance_id, entry_inputs, packed

    derived.save(_RAW, examine_stale())
    derived.keep_only(_RAW, inputs)
    for _, packed in derived.iter_data(_RAW, list(inputs)):
        license, each = _unpack_raw(packed)
        examiner.remember(each)
        yield license, each


def _detect_license(ctx: PublishContext, candidate: Candidate) -> str:
    """Return the license; "" also if a bug in curate keeps it from being read."""
    try:
        return ctx.codebases.detect_license(candidate.repo, candidate.base_commit)
    except Exception as error:
        report_bug(error, candidate.instance_id)
        return ""


def _examine_candidate(candidate: Candidate, license: str, examiner: RowExaminer) -> ExaminedRow:
    try:
        row = make_raw_row(candidate, CodebaseFacts(license=license))
    except Exception as error:
        row = exclude_for_bug(candidate.instance_id, error)
    if isinstance(row, Exclusion):
        return _as_examined(row, format_rfc3339(candidate.created_at))
    return examiner.examine(row)


def _as_examined(exclusion: Exclusion, created_at: str = "") -> ExaminedRow:
    """A row that cannot be published, as one that filters exclude."""
    reasons = [(exclusion.reason, exclusion.detail)]
    return ExaminedRow(instance_id=exclusion.instance_id, created_at=created_at, reasons=reasons)
