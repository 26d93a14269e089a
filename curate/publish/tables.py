"""All rows that the store can give, as releases and exports share them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.core.model import Candidate
from curate.publish.filters.apply import sift
from curate.publish.filters.config import Problem, Rules
from curate.publish.measures.benchmark_overlap import benchmark
from curate.publish.measures.codebase import Bases
from curate.publish.measures.leak_groups import leak_groups
from curate.publish.measures.solution_leaks import may_name_commits
from curate.publish.rows import Base, Image, raw_row, train_row
from curate.releases.row import Row
from curate.store import Store


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one split, and by instance id every reason against those that are held back."""

    kept: Sequence[Row]
    held: Mapping[str, Sequence[Problem]]


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
    newest, groups = _newest(store), leak_groups(store.candidates())

    def base(candidate: Candidate) -> Base:
        return Base(
            licence=bases.licence(candidate.repo, candidate.base_commit),
            size=bases.size(candidate.repo, candidate.base_commit),
            edits=bases.edits(candidate),
            newest=newest[candidate.repo],
            commits=_commits(candidate, bases),
            leak_group=groups.get(candidate.instance_id),
        )

    return _sifted(_verified(store, base, images or {}), rules)


def held_back(store: Store, bases: Bases, rules: Rules) -> Mapping[str, Sequence[Problem]]:
    """Every reason against each verified candidate that *rules* hold back, by instance id.

    As `train_table` has them, without what only its columns need.
    """
    groups = leak_groups(store.candidates()) if rules.one_per_leak_group else {}

    def base(candidate: Candidate) -> Base:
        return Base(
            licence=bases.licence(candidate.repo, candidate.base_commit),
            commits=_commits(candidate, bases),
            leak_group=groups.get(candidate.instance_id),
        )

    return _sifted(_verified(store, base, {}), rules).held


def _verified(
    store: Store, base: Callable[[Candidate], Base], images: Mapping[str, Image]
) -> Iterator[Row | Problem]:
    for candidate, validation in store.verified():
        place = images.get(candidate.instance_id)
        yield train_row(candidate, validation, place, base(candidate))


def _sifted(made: Iterator[Row | Problem], rules: Rules) -> Rows:
    rows: list[Row] = []
    unmade: dict[str, Sequence[Problem]] = {}
    for one in made:
        if isinstance(one, Problem):
            unmade[one.instance_id] = [one]
        else:
            rows.append(one)
    lists = [benchmark(name) for name in rules.contamination.lists]
    kept, held = sift(rows, rules, lists)
    return Rows(kept=kept, held={**unmade, **held})


def _commits(candidate: Candidate, bases: Bases) -> tuple[str, ...]:
    """The pull's commits, asked for only where a text may name one."""
    return bases.commits(candidate) if may_name_commits(candidate) else ()


def _newest(store: Store) -> dict[str, int]:
    """The highest number of a pull or issue that is known, by repository."""
    newest: dict[str, int] = {}
    for candidate in store.candidates():
        number = max(candidate.pull_number, *candidate.issue_numbers, 0)
        newest[candidate.repo] = max(number, newest.get(candidate.repo, 0))
    return newest
