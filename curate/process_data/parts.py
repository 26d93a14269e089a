"""Parts of the output: files of records that are written whole and kept if inputs are the same."""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from curate.builders.process.atomic_write import atomic_write
from curate.builders.process.digest import content_hash
from curate.cluster.slots import WorkerLostError
from curate.core.tokens import make_token_counter
from curate.process_data.formats import write_records
from curate.process_data.model import (
    PROCESS_VERSION,
    SCHEMA_VERSION,
    ProcessInput,
    ProcessOptions,
    ProcessRecord,
)
from curate.process_data.record import make_record
from curate.process_data.repository import MirrorReader

PART_SIZE = 50  # instances; what a kill loses at most, for each worker
DATA_FOLDER, DONE_FOLDER = "data", "parts"
RETRIED = frozenset(
    {
        "no-mirror",
        "missing-object",
        "unreadable-mirror",
        "not-recreated",
        "internal-error",
        "worker-lost",
    }
)
"""Reasons that are not the instance's: a part with one of them is made again by the next call."""
_CUT = re.compile(r"\..*\.part")  # what `atomic_write` had not finished
_NAME = re.compile(r"part-\d{5}-[0-9a-f]{20}")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some instances, the file for them and what their records are made with."""

    folder: Path
    name: str
    suffix: str  # "jsonl" or "parquet"
    instances: tuple[ProcessInput, ...]
    mirrors: Mapping[str, Path | None]  # by repository
    options: ProcessOptions

    @property
    def data_path(self) -> Path:
        """The file of records."""
        return self.folder / DATA_FOLDER / f"{self.name}.{self.suffix}"

    @property
    def done_path(self) -> Path:
        """The counts of the file, written after it: the part is complete."""
        return self.folder / DONE_FOLDER / f"{self.name}.json"


@dataclass(frozen=True, kw_only=True)
class PartCounts:
    """What is in a part."""

    records: int = 0
    bytes: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)  # of instances without process data
    recreates: Mapping[str, int] = field(default_factory=dict)
    inexpressible: Mapping[str, int] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # reasons; "made"
    failed: Sequence[tuple[str, str, str]] = ()  # instance id, reason, detail

    @property
    def is_final(self) -> bool:
        """Whether another call would make the same of the same inputs."""
        return not RETRIED.intersection(self.reasons)


def iter_chunks(instances: Iterable[ProcessInput]) -> Iterator[tuple[ProcessInput, ...]]:
    """Yield instances of a part after the other; one that comes twice has that as its problem."""
    iterator = iter(_mark_repeated(instances))
    while chunk := tuple(islice(iterator, PART_SIZE)):
        yield chunk


def _mark_repeated(instances: Iterable[ProcessInput]) -> Iterator[ProcessInput]:
    seen: set[str] = set()
    for instance in instances:
        is_repeated = instance.instance_id in seen
        seen.add(instance.instance_id)
        problem = "the dataset has this instance id twice"
        yield replace(instance, problem=problem) if is_repeated else instance


def name_part(number: int, instances: Sequence[ProcessInput], options: ProcessOptions) -> str:
    """Return a name that changes with everything that records are made of, but for mirrors."""
    inputs = [
        (it.instance_id, it.repo, it.base_commit, it.problem_statement, it.problem, _hash(it.patch))
        for it in instances
    ]
    versions = (SCHEMA_VERSION, PROCESS_VERSION, sys.version_info[:2])
    return f"part-{number:05d}-{content_hash(versions, asdict(options), inputs)}"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def find_finished(part: Part) -> PartCounts | None:
    """Return the counts of a part that is complete; None if it is to be made."""
    try:
        values = json.loads(part.done_path.read_bytes())
        counts = PartCounts(**values)
        is_whole = part.data_path.stat().st_size == counts.bytes
    except (OSError, ValueError, TypeError):
        return None
    return counts if is_whole and counts.is_final else None


def write_part(part: Part) -> PartCounts:
    """Make the records of *part* and write them; what is written is whole or not there."""
    count_tokens = make_token_counter(part.options.tokenizer)
    counter = _RecordCounter()
    with MirrorReader() as reader, atomic_write(part.data_path) as partial:
        records = (
            make_record(it, part.mirrors.get(it.repo), reader, part.options, count_tokens)
            for it in part.instances
        )
        write_records(map(counter.add, records), partial, part.suffix)
        size = partial.stat().st_size
    counts = counter.finish(size)
    with atomic_write(part.done_path) as partial:
        partial.write_text(json.dumps(asdict(counts), indent=1) + "\n", encoding="utf-8")
    return counts


def count_lost(part: Part, error: WorkerLostError) -> PartCounts:
    """Return the counts of a part whose workers died, each time that it was tried."""
    failed = [(it.instance_id, "worker-lost", str(error)) for it in part.instances]
    return PartCounts(records=len(failed), reasons={"worker-lost": len(failed)}, failed=failed)


def remove_other_parts(folder: Path, names: Iterable[str]) -> None:
    """Delete the parts of earlier calls that are not among *names*, whole or cut by a kill."""
    kept = frozenset(names)
    for path in (*(folder / DATA_FOLDER).iterdir(), *(folder / DONE_FOLDER).iterdir()):
        if path.name not in kept and (_NAME.fullmatch(path.stem) or _CUT.fullmatch(path.name)):
            path.unlink(missing_ok=True)


class _RecordCounter:
    """Counts records while they are written."""

    def __init__(self) -> None:
        self._records = 0
        self._failed: list[tuple[str, str, str]] = []
        self._recreates: Counter[str] = Counter()
        self._inexpressible: Counter[str] = Counter()
        self._stages: dict[str, Counter[str]] = {}

    def add(self, record: ProcessRecord) -> ProcessRecord:
        self._records += 1
        if record.reason:
            self._failed.append((record.instance_id, record.reason, record.detail))
            return record
        self._recreates[record.edits["recreates"]] += 1
        self._inexpressible.update(it["reason"] for it in record.edits["inexpressible"])
        for stage in record.stages:
            counts = self._stages.setdefault(stage["stage"], Counter())
            counts[stage["reason"] or "made"] += 1
        return record

    def finish(self, size: int) -> PartCounts:
        return PartCounts(
            records=self._records,
            bytes=size,
            reasons=dict(Counter(reason for _, reason, _ in self._failed)),
            recreates=dict(self._recreates),
            inexpressible=dict(self._inexpressible),
            stages={name: dict(counts) for name, counts in self._stages.items()},
            failed=self._failed,
        )
