"""All rows that the store can give, as releases and exports share them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.model import Candidate
from curate.publishing.bases import Bases
from curate.publishing.contamination import known
from curate.publishing.filters import sift
from curate.publishing.rows import Base, Image, Problem, Row, raw_row, train_row
from curate.publishing.rules import Rules
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one split, and those that are held back with the reason."""

    kept: Sequence[Row]
    held: Sequence[Problem]


def raw_table(store: Store, bases: Bases, rules: Rules) -> Rows:
    """Every candidate that may be shown at all: bounds and likeness do not matter here."""
    made = (
        raw_row(c, Base(licence=bases.licence(c.repo, c.base_commit))) for c in store.candidates()
    )
    return _sifted(made, rules.for_raw())


def train_table(
    store: Store, bases: Bases, rules: Rules, images: Mapping[str, Image] | None = None
) -> Rows:
    """Every verified candidate; *images* by instance id, default what was built here."""
    newest = _newest(store)
    places = images or {}
    made = (
        train_row(c, v, places.get(c.instance_id), _base(c, bases, newest[c.repo]))
        for c, v in store.verified()
    )
    return _sifted(made, rules)


def _sifted(made: Iterator[Row | Problem], rules: Rules) -> Rows:
    rows: list[Row] = []
    problems: list[Problem] = []
    for one in made:
        if isinstance(one, Problem):
            problems.append(one)
        else:
            rows.append(one)
    kept, held = sift(rows, rules, known(rules.contamination.lists))
    return Rows(kept=kept, held=(*problems, *held))


def _base(candidate: Candidate, bases: Bases, newest: int) -> Base:
    return Base(
        licence=bases.licence(candidate.repo, candidate.base_commit),
        size=bases.size(candidate.repo, candidate.base_commit),
        edits=bases.edits(candidate),
        newest=newest,
    )


def _newest(store: Store) -> dict[str, int]:
    """The highest number of a pull or issue that is known, by repository."""
    newest: dict[str, int] = {}
    for candidate in store.candidates():
        number = max(candidate.pull_number, *candidate.issue_numbers, 0)
        newest[candidate.repo] = max(number, newest.get(candidate.repo, 0))
    return newest
