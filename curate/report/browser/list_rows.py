"""Rows of the list: what a candidate's validation adds to it, kept until the validation changes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from curate.publish.context import ProgressCallback, ignore_progress
from curate.publish.stored_exclusions import ExclusionsById
from curate.report.browser.listing import CandidateList
from curate.report.browser.text import show_controls
from curate.store import Store
from curate.store.browsing import ListedCandidate

ROWS_PER_CHUNK = 10_000
MAX_TITLE = 200
_KIND = "browser-row-1"  # of derived data; the number changes with `ValidationFacts`
_BATCH = 200


@dataclass(frozen=True, kw_only=True)
class ValidationFacts:
    """What the list shows of a validation."""

    python: str = ""
    fail_to_pass: int | None = None
    flaky: int = 0
    strength: float | None = None  # fraction of the gold patch's hunks that tests need


@dataclass(frozen=True, kw_only=True)
class ListRow:
    """A row of the list."""

    listed: ListedCandidate
    facts: ValidationFacts
    excluded: Sequence[str]  # reasons of the release filters

    @property
    def state(self) -> str:
        """One of "pending", "verified", "excluded", "rejected"."""
        return "excluded" if self.excluded else self.listed.state

    @property
    def reasons(self) -> list[str]:
        """As `curate list` writes them."""
        own = [f"{self.listed.stage}/{self.listed.reason}"] if self.listed.stage else []
        return own + [f"excluded/{reason}" for reason in self.excluded]


def make_list_rows(
    store: Store,
    listing: CandidateList,
    exclusions: ExclusionsById,
    progress: ProgressCallback = ignore_progress,
) -> list[ListRow]:
    """Return the rows of all candidates, in the order of *listing*."""
    facts = _read_facts(store, listing, progress)
    nothing = ValidationFacts()
    return [
        ListRow(
            listed=one,
            facts=facts.get(one.instance_id, nothing),
            excluded=list(dict.fromkeys(it.reason for it in exclusions.get(one.instance_id, ()))),
        )
        for one in listing.candidates
    ]


def _read_facts(
    store: Store, listing: CandidateList, progress: ProgressCallback
) -> Mapping[str, ValidationFacts]:
    keys = {one.instance_id: one.key for one in listing.candidates if one.is_validated}
    known = store.derived.inputs_by_key(_KIND)
    missing = [name for name, key in keys.items() if known.get(name) != key]
    done = 0
    for names in _batches(missing):
        entries = [(name, keys[name], _measure(store, name)) for name in names]
        store.derived.save(_KIND, entries)
        done += len(names)
        progress("reading validations", done, len(missing))
    store.derived.keep_only(_KIND, keys)
    rows = store.derived.iter_data(_KIND, list(keys))
    return {name: ValidationFacts(**json.loads(data)) for name, data in rows}


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))


def _measure(store: Store, name: str) -> bytes:
    validation = store.get_validation(name)
    if validation is None:
        return json.dumps(asdict(ValidationFacts())).encode()
    verdict, strength = validation.verdict, validation.test_strength
    hunks = len(strength.hunks) if strength else 0
    facts = ValidationFacts(
        python=validation.environment.python if validation.environment else "",
        fail_to_pass=len(verdict.fail_to_pass) if validation.runs else None,
        flaky=len(verdict.flaky_tests),
        strength=round(1 - len(strength.untested) / hunks, 4) if strength and hunks else None,
    )
    return json.dumps(asdict(facts)).encode()


def list_chunks(rows: Sequence[ListRow]) -> Iterator[tuple[str, str]]:
    """Yield (name, script) of the chunks that hold *rows*, column by column."""
    for number, start in enumerate(range(0, len(rows), ROWS_PER_CHUNK)):
        chunk = rows[start : start + ROWS_PER_CHUNK]
        yield f"rows-{number:03}.js", f"curateRows.add({dump_for_script(_columns(chunk))});\n"


def _columns(rows: Sequence[ListRow]) -> dict[str, object]:
    return {
        "repo": _encode([row.listed.repo for row in rows]),
        "number": [row.listed.number for row in rows],
        "title": [show_controls(row.listed.title)[:MAX_TITLE] for row in rows],
        "created": [row.listed.created_at[:10] for row in rows],
        "state": _encode([row.state for row in rows]),
        "reason": _encode([", ".join(row.reasons) for row in rows]),
        "python": _encode([row.facts.python for row in rows]),
        "strength": [row.facts.strength for row in rows],
        "f2p": [row.facts.fail_to_pass for row in rows],
    }


def _encode(values: Sequence[str]) -> dict[str, object]:
    """Return distinct *values* and, of each row, which of them it has."""
    codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    return {"values": list(codes), "codes": [codes[value] for value in values]}


def dump_for_script(value: object) -> str:
    """Return JSON that is also JavaScript, and ends no script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
