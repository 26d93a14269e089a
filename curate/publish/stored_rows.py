"""Rows of verified candidates, made once and stored until their inputs change.

What depends on other candidates, and what is known of the evaluation, is not stored with a row but
added when it is read. Short columns are stored apart from long ones, so that conditions on them are
quick.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import zstandard

from curate.core.certification import Certification, InstanceCondition
from curate.core.model import Candidate, Validation
from curate.publish.certified import (
    certification_columns,
    quarantine_tests,
    read_defects,
    read_newest,
)
from curate.publish.code_hash import hash_inputs
from curate.publish.context import PublishContext
from curate.publish.eval_results import hash_check_inputs
from curate.publish.filters.config import Exclusion, exclude_for_bug
from curate.publish.measures.solution_leaks import may_name_commits
from curate.publish.rows import CodebaseFacts, lite_columns, make_train_row
from curate.publish.stored_groups import CandidateGroups, read_candidate_groups
from curate.releases.columns import TRAIN_COLUMNS
from curate.releases.row import Row, get_str
from curate.store import EvalCheckKey
from curate.store.serialization import decompress

_SHORT, _LONG, _LITE = "row-short", "row-long", "row-lite"
_CHECK_INPUTS = "check_inputs"  # beside the columns: hash of what an evaluation check depends on
_CHUNK_SIZE = 20  # rows that are made before they are saved
LONG_COLUMNS = frozenset({
    "hints_text", "patch", "test_patch", "problem_statement", "PASS_TO_PASS", "FAIL_TO_PASS",
    "eval_script", "lock", "dockerfiles", "fail_to_pass_node_ids", "pass_to_pass_node_ids",
    "flaky_tests", "pre_fix_outcomes", "untested_hunks", "lite_violations",
    "lite_violations_documented",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StoredRows:
    """Rows of all verified candidates, with the images as built on this machine."""

    ctx: PublishContext

    @cached_property
    def inputs(self) -> Mapping[str, str]:
        """Hash of what each row is made from, by instance id, by repository and number."""
        repos = self.ctx.store.candidate_repositories()
        return {
            name: hash_inputs(
                key,
                self.ctx.codebases.has_mirror(repos[name]),
                *(self.defects[name].quarantined if name in self.defects else ()),
            )
            for name, key in self.ctx.store.verified_inputs().items()
        }

    @cached_property
    def defects(self) -> Mapping[str, InstanceCondition]:
        """Conditions that certifications found, where they change a release."""
        return read_defects(self.ctx.store)

    @cached_property
    def newest(self) -> Mapping[str, Certification]:
        """The newest certification of each instance that has one."""
        return read_newest(self.ctx.store, list(self.inputs))

    def find_failed_certifications(self) -> dict[str, str]:
        """Return why instances are excluded since they were certified, by id."""
        return {name: it.problem for name, it in self.defects.items() if it.problem}

    @cached_property
    def groups(self) -> CandidateGroups:
        """Facts from comparing all candidates."""
        return read_candidate_groups(self.ctx)

    def list_missing(self) -> list[str]:
        """Return the ids whose rows are not stored, or were made from something else."""
        known = self.ctx.store.derived.inputs_by_key(_SHORT)
        return [name for name, inputs in self.inputs.items() if known.get(name) != inputs]

    def find_unmade(self) -> frozenset[str]:
        """Return the ids whose stored row is an exclusion: they cannot be published."""
        shorts = self.ctx.store.derived.iter_data(_SHORT, list(self.inputs))
        return frozenset(name for name, short in shorts if "reason" in _unpack(short))

    def refresh(self, ids: Collection[str] | None = None) -> None:
        """Make and store the rows of *ids* (default: all) that are missing.

        Rows of candidates that are no longer verified are forgotten.
        """
        derived, missing = self.ctx.store.derived, self.list_missing()
        missing = missing if ids is None else [name for name in missing if name in ids]
        for start in range(0, len(missing), _CHUNK_SIZE):
            shorts, longs = [], []
            for candidate, validation in self.ctx.store.iter_verified(
                missing[start : start + _CHUNK_SIZE]
            ):
                row, is_final = self._make_row(candidate, validation)
                short, long = _pack_row(row)
                name = candidate.instance_id
                longs.append((name, "", long))
                shorts.append((name, self.inputs[name] if is_final else "", short))
                self.ctx.progress("making rows", start + len(shorts), len(missing))
            derived.save(_LONG, longs)
            derived.save(_SHORT, shorts)
        for kind in (_SHORT, _LONG, _LITE):
            derived.keep_only(kind, self.inputs)

    def _make_row(
        self, candidate: Candidate, validation: Validation
    ) -> tuple[Row | Exclusion, bool]:
        """Return the row, and whether it will be the same if it is made again.

        A commit that the mirror lacks may come with the next fetch. A bug in curate excludes this
        instance alone, until the next release.
        """
        try:
            facts = self._read_codebase(candidate)
            if defect := self.defects.get(candidate.instance_id):
                validation = quarantine_tests(validation, defect.quarantined)
            row = make_train_row(candidate, validation, None, facts)
        except Exception as error:
            return exclude_for_bug(candidate.instance_id, error), False
        return row, facts.size is not None or not self.ctx.codebases.has_mirror(candidate.repo)

    def read_made(self, ids: Sequence[str]) -> Iterator[Row | Exclusion]:
        """Yield rows as they are stored: without what depends on other candidates or a check."""
        for row, _ in self._read_with_keys(ids):
            yield row

    def read(self, ids: Sequence[str], columns: Collection[str]) -> Iterator[Row]:
        """Yield complete rows, or only their short columns if *columns* are among these."""
        checks = self.ctx.store.eval_checks.load()
        if LONG_COLUMNS.isdisjoint(columns):
            for name, short in self.ctx.store.derived.iter_data(_SHORT, ids):
                row, key = _split_key(_unpack(short))
                yield row | self._get_columns(name, checks.get(key))
            return
        for made, key in self._read_with_keys(ids):
            assert not isinstance(made, Exclusion)
            name = get_str(made, "instance_id")
            row = made | self._get_columns(name, checks.get(key)) | self._get_lite(made)
            yield {column.name: row[column.name] for column in TRAIN_COLUMNS}

    def find_failed_evaluations(self) -> dict[str, str]:
        """Return the problems of rows that a client would not grade as validation did, by id."""
        failed = {key: it for key, it in self.ctx.store.eval_checks.load().items() if it}
        if not failed:
            return {}
        keys = {
            name: _split_key(_unpack(short))[1]
            for name, short in self.ctx.store.derived.iter_data(_SHORT, list(self.inputs))
        }
        return {name: failed[key] for name, key in keys.items() if key in failed}

    def _read_with_keys(self, ids: Sequence[str]) -> Iterator[tuple[Row | Exclusion, EvalCheckKey]]:
        shorts = self.ctx.store.derived.iter_data(_SHORT, ids)
        longs = self.ctx.store.derived.iter_data(_LONG, ids)
        for (_, short), (_, long) in zip(shorts, longs, strict=True):
            row, key = _split_key(_unpack(short))
            yield _as_exclusion(row) if "reason" in row else row | _unpack(long), key

    def _get_columns(self, name: str, problem: str | None) -> Row:
        """Columns that are not stored with the row; *problem* of its evaluation, None = unknown."""
        return {
            "leak_group": self.groups.leak_groups.get(name),
            "eval_verified": None if problem is None else not problem,
            **certification_columns(self.newest.get(name)),
        }

    def _get_lite(self, row: Row) -> Row:
        """SWE-bench Lite's criteria, made once: they are regular expressions on long texts."""
        name, derived = get_str(row, "instance_id"), self.ctx.store.derived
        highest = self.groups.highest_numbers[get_str(row, "repo")]
        inputs = hash_inputs(self.inputs[name], highest)
        packed = derived.get(_LITE, name, inputs)
        if packed is None:
            packed = json.dumps(lite_columns(row, highest)).encode()
            derived.save(_LITE, [(name, inputs, packed)])
        columns: Row = json.loads(packed)
        return columns

    def _read_codebase(self, candidate: Candidate) -> CodebaseFacts:
        codebases = self.ctx.codebases
        return CodebaseFacts(
            license=codebases.detect_license(candidate.repo, candidate.base_commit),
            size=codebases.measure_size(candidate.repo, candidate.base_commit),
            patch_stats=codebases.measure_patch(candidate),
            commits=codebases.list_pull_commits(candidate) if may_name_commits(candidate) else (),
            highest_number=None,  # changes with other candidates: see `_get_lite`
        )


def _as_exclusion(row: Row) -> Exclusion:
    names = ("instance_id", "reason", "detail")
    return Exclusion(**{name: get_str(row, name) for name in names})


def _pack_row(row: Row | Exclusion) -> tuple[bytes, bytes]:
    if isinstance(row, Exclusion):
        return _pack(vars(row)), _pack({})
    long = {name: value for name, value in row.items() if name in LONG_COLUMNS}
    short = {name: value for name, value in row.items() if name not in long}
    return _pack(short | {_CHECK_INPUTS: hash_check_inputs(row)}), _pack(long)


def _split_key(short: Row) -> tuple[Row, EvalCheckKey]:
    """Return the columns of a stored row, and the key of its evaluation check."""
    inputs = short.pop(_CHECK_INPUTS, "")
    return short, (str(short.get("image_digest", "")), str(inputs))


def _pack(row: Mapping[str, object]) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(json.dumps(row).encode())


def _unpack(packed: bytes) -> Row:
    row: Row = json.loads(decompress(packed))
    return row
