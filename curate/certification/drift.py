"""Drift of an instance: which test, since when, and what differs from then."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from curate.certification.judge import EMPTY
from curate.certification.run import CertificationSummary
from curate.core.certification import Certification, CertificationResult
from curate.core.model import Validation
from curate.store import Store

MAX_LISTED = 5  # tests of an instance that are told one by one
_FACTS = {
    "curate_version": "curate",
    "sandbox": "sandbox",
    "engine": "engine",
    "kernel": "kernel",
    "architecture": "architecture",
    "system": "system",
    "timezone": "time zone",
}


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One test that is no longer what it was; test "" = the instance as a whole."""

    instance_id: str
    test: str
    expected: str
    got: str  # as in "failed in 2 of 3 gold runs"
    good_at: datetime | None = None  # when it last was as expected; None = unknown
    good_source: str = ""  # "certified", "validated"; "" = unknown
    changes: tuple[str, ...] = ()  # what differs from then, as in "kernel: 6.1 -> 6.2"

    def __str__(self) -> str:
        subject = f"{self.instance_id}: {self.test}".removesuffix(": ")
        since = f"; {self.good_source} {self.good_at:%Y-%m-%d}" if self.good_at else ""
        changed = f"; since then {', '.join(self.changes)}" if self.changes else ""
        return f"{subject}: {self.got}, expected {self.expected}{since}{changed}"

    def to_json(self) -> Mapping[str, object]:
        """Return it with its sentence, as JSON can hold it."""
        good_at = self.good_at.isoformat() if self.good_at else None
        return {**asdict(self), "good_at": good_at, "message": str(self)}


def list_drift(summary: CertificationSummary, store: Store) -> list[Drift]:
    """Return the drift of all results of *summary* that are not as promised."""
    found: list[Drift] = []
    for name, one in summary.results.items():
        if one.is_good:
            continue
        validation = None if one.dataset else store.get_validation(name)
        found += describe_drift(one, summary.previous.get(name), validation)
    return found


def describe_drift(
    one: Certification, good: Certification | None, validation: Validation | None = None
) -> list[Drift]:
    """Return how *one* differs from the last *good* certification, else from its validation."""
    good_at, source, changes = _find_baseline(one, good, validation)
    return [
        Drift(
            instance_id=one.instance_id,
            test=test,
            expected=expected,
            got=got,
            good_at=good_at,
            good_source=source,
            changes=changes,
        )
        for test, expected, got in _summarize(one)
    ]


def _find_baseline(
    one: Certification, good: Certification | None, validation: Validation | None
) -> tuple[datetime | None, str, tuple[str, ...]]:
    if good is not None:
        return good.certified_at, "certified", tuple(_compare(good, one))
    if validation is not None and validation.finished_at <= one.certified_at:
        changes = [_describe_clock(validation.finished_at, one.certified_at)]
        if validation.curate_version != one.machine.curate_version:
            then, now = validation.curate_version, one.machine.curate_version
            changes.append(f"curate: {then} -> {now}")
        return validation.finished_at, "validated", tuple(filter(None, changes))
    return None, "", ()


def _compare(then: Certification, now: Certification) -> Iterator[str]:
    """Yield what differs of image, machine and clock."""
    if then.image != now.image:
        yield f"image: {_shorten(then.image)} -> {_shorten(now.image)}"
    for name, label in _FACTS.items():
        before, after = getattr(then.machine, name), getattr(now.machine, name)
        if before != after:
            yield f"{label}: {before or 'none'} -> {after or 'none'}"
    if clock := _describe_clock(then.certified_at, now.certified_at):
        yield clock


def _describe_clock(then: datetime, now: datetime) -> str:
    days = (now.date() - then.date()).days
    return f"date: {abs(days):,} days {'later' if days > 0 else 'earlier'}" if days else ""


def _shorten(image: str) -> str:
    return image[:19] if image.startswith("sha256:") else image


def _summarize(one: Certification) -> Iterator[tuple[str, str, str]]:
    """Yield (test, expected, what it did) for each test that differs."""
    if one.result is CertificationResult.IMAGE_MISSING:
        yield "", "an image", f"the registry no longer has it ({one.reference})"
        return
    runs: dict[tuple[str, str, str, bool], int] = {}
    for it in one.differences:
        key = (it.test, it.expected, it.got, it.run == EMPTY)
        runs[key] = runs.get(key, 0) + 1
    for (test, expected, got, is_empty), count in [*runs.items()][:MAX_LISTED]:
        where = "without the gold patch" if is_empty else f"in {count} of {one.gold_runs} gold runs"
        yield test, expected, f"{got} {where}"
    if len(runs) > MAX_LISTED:
        yield "", "the same", f"{len(runs) - MAX_LISTED:,} more tests differ"
