"""All candidates in order, and who stands beside whom."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from curate.core.names import make_instance_id
from curate.store.browsing import ListedCandidate, iter_listed_candidates


@dataclass(frozen=True, kw_only=True)
class CandidateList:
    """Candidates ordered by the repository's part of their ids, then by number."""

    candidates: tuple[ListedCandidate, ...]

    @cached_property
    def by_id(self) -> Mapping[str, ListedCandidate]:
        """Candidates by instance id."""
        return {one.instance_id: one for one in self.candidates}

    def neighbours(self, name: str) -> Iterator[ListedCandidate]:
        """Yield the validated candidates of its repository opened before and after *name*."""
        names, positions = self._by_date[self.by_id[name].repo]
        position = positions.get(name, -1)
        for index in (position - 1, position + 1):
            if position >= 0 and 0 <= index < len(names):
                yield self.by_id[names[index]]

    @cached_property
    def _by_date(self) -> Mapping[str, tuple[list[str], Mapping[str, int]]]:
        """Ids and their positions by repository, of candidates that may have a lock."""
        groups = defaultdict[str, list[ListedCandidate]](list)
        for one in self.candidates:
            if one.is_validated and one.stage != "lock":
                groups[one.repo].append(one)
        ordered = {
            repo: [it.instance_id for it in sorted(ones, key=lambda it: (it.created_at, it.number))]
            for repo, ones in groups.items()
        }
        return {
            repo: (names, {name: index for index, name in enumerate(names)})
            for repo, names in ordered.items()
        }


def read_candidate_list(folder: Path, repo: str | None = None) -> CandidateList:
    """Return the candidates of the store in *folder*, or those of *repo*."""
    return order_candidates(iter_listed_candidates(folder, repo))


def order_candidates(candidates: Iterable[ListedCandidate]) -> CandidateList:
    """Return *candidates* in the order of lists and chunks."""
    ordered = sorted(candidates, key=lambda one: (slug_of(one), one.number))
    return CandidateList(candidates=tuple(ordered))


def slug_of(one: ListedCandidate) -> str:
    """Return the repository's part of an instance id: "owner__name"."""
    return make_instance_id(one.repo, one.number).rpartition("-")[0]
