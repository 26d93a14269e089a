"""Process data of many instances, in worker processes, part after part."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.builders.process.atomic_write import atomic_write
from curate.cluster.bounded import BoundedWork, IteratorSource, run_bounded
from curate.cluster.process_cluster import ProcessCluster
from curate.cluster.slots import SlotExecutor, ThreadSlots, WorkerLostError
from curate.core.errors import ConfigurationError
from curate.process.model import PROCESS_VERSION, SCHEMA_VERSION, ProcessInput, ProcessOptions
from curate.process.parts import (
    DATA_FOLDER,
    DONE_FOLDER,
    RETRIED,
    Part,
    PartCounts,
    count_lost,
    find_finished,
    iter_chunks,
    name_part,
    remove_other_parts,
    write_part,
)
from curate.store.process_lock import process_lock

PURPOSE = "process"
SUMMARY = "summary.json"
MAX_FAILED = 1_000  # instances that the summary names


@dataclass(frozen=True, kw_only=True)
class ProcessRun:
    """Where the output goes, and how it is made."""

    folder: Path
    suffix: str
    options: ProcessOptions
    find_mirror: Callable[[str], Path | None]
    jobs: int
    on_part: Callable[[PartCounts], None] = lambda _: None


@dataclass(kw_only=True)
class ProcessSummary:
    """What was made, in total; `records` counts instances, those without data too."""

    records: int = 0
    kept: int = 0  # of these, those of parts that an earlier call finished
    bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    recreates: Counter[str] = field(default_factory=Counter)
    inexpressible: Counter[str] = field(default_factory=Counter)
    stages: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, counts: PartCounts, *, is_kept: bool) -> None:
        """Add a part."""
        self.records += counts.records
        self.kept += counts.records if is_kept else 0
        self.bytes += counts.bytes
        self.reasons.update(counts.reasons)
        self.recreates.update(counts.recreates)
        self.inexpressible.update(counts.inexpressible)
        for name, reasons in counts.stages.items():
            self.stages.setdefault(name, Counter()).update(reasons)
        self.failed += [(name, reason, detail) for name, reason, detail in counts.failed]

    @property
    def made(self) -> int:
        """Instances that have process data."""
        return self.records - self.reasons.total()

    @property
    def retried(self) -> frozenset[str]:
        """Reasons that another call may not find."""
        return RETRIED

    @property
    def to_retry(self) -> int:
        """Instances without data for a reason that is not theirs."""
        return sum(self.reasons[reason] for reason in RETRIED)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as it is written; it depends on the instances alone."""
        return {
            "schema_version": SCHEMA_VERSION,
            "process_version": PROCESS_VERSION,
            "instances": self.records,
            "made": self.made,
            "bytes": self.bytes,
            "reasons": _sort(self.reasons),
            "recreates": _sort(self.recreates),
            "inexpressible": _sort(self.inexpressible),
            "stages": {name: _sort(counts) for name, counts in self.stages.items()},
            "failed": [
                {"instance_id": name, "reason": reason, "detail": detail}
                for name, reason, detail in sorted(self.failed)[:MAX_FAILED]
            ],
        }


def run_process(instances: Iterable[ProcessInput], run: ProcessRun) -> ProcessSummary:
    """Write the records of *instances* below the folder of *run*; finished parts are kept.

    Parts of earlier calls that are not of these instances are deleted in the end. Raises OSError,
    LockedError if another process writes there.
    """
    _require_own_folder(run.folder)
    for name in (DATA_FOLDER, DONE_FOLDER):
        (run.folder / name).mkdir(parents=True, exist_ok=True)
    with process_lock(run.folder, PURPOSE):
        summary = _write_parts(instances, run)
        with atomic_write(run.folder / SUMMARY) as partial:
            text = json.dumps(summary.to_json(), indent=2, ensure_ascii=False)
            partial.write_text(text + "\n", encoding="utf-8")
    return summary


def _write_parts(instances: Iterable[ProcessInput], run: ProcessRun) -> ProcessSummary:
    summary, names = ProcessSummary(), set[str]()

    def iter_pending() -> Iterator[Part]:
        for part in _iter_parts(instances, run):
            names.update((part.data_path.name, part.done_path.name))
            counts = find_finished(part)
            if counts is None:
                yield part
            else:
                collect(counts, is_kept=True)

    def collect(counts: PartCounts, *, is_kept: bool = False) -> None:
        summary.add(counts, is_kept=is_kept)
        run.on_part(counts)

    _work(iter_pending(), run.jobs, collect)
    remove_other_parts(run.folder, names)
    return summary


def _require_own_folder(folder: Path) -> None:
    """Refuse a directory with other things, among which old parts would be looked for."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DONE_FOLDER).is_dir():
        raise ConfigurationError(
            f"{folder} has files that are not process data.", hint="Choose an empty directory."
        )


def _iter_parts(instances: Iterable[ProcessInput], run: ProcessRun) -> Iterator[Part]:
    for number, chunk in enumerate(iter_chunks(instances)):
        mirrors = {it.repo: run.find_mirror(it.repo) for it in chunk if it.repo}
        yield Part(
            folder=run.folder,
            name=name_part(number, chunk, run.options),
            suffix=run.suffix,
            instances=chunk,
            mirrors=mirrors,
            options=run.options,
        )


def _work(parts: Iterator[Part], jobs: int, collect: Callable[[PartCounts], None]) -> None:
    with _ProcessSlots(jobs) if jobs > 1 else ThreadSlots(1) as slots:
        work = BoundedWork[Part, PartCounts](
            submit=lambda worker, part: slots.submit_to(worker, write_part, part),
            collect=lambda part, future: collect(_read_result(part, future)),
            abort=lambda: slots.shutdown(wait=False, cancel_futures=True),
        )
        run_bounded(slots, IteratorSource(parts), work)


def _read_result(part: Part, future: "Future[PartCounts]") -> PartCounts:
    try:
        return future.result()
    except WorkerLostError as error:  # as when memory is short: the other parts go on
        return count_lost(part, error)


class _ProcessSlots(SlotExecutor):
    """Worker processes of this machine with a slot each; they end with this process."""

    def __init__(self, jobs: int) -> None:
        self._cluster = ProcessCluster(jobs)

    def list_slots(self) -> Mapping[str, int]:
        return self._cluster.list_workers()

    def submit_to(
        self, worker: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        return self._cluster.submit(worker, function, *args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        self._cluster.close()


def _sort(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
