"""What the store has of one candidate, for its page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from curate.core.certification import Certification
from curate.core.errors import StoreError
from curate.core.model import Candidate, Environment, Issue, PullRequest, Validation
from curate.core.names import website_url
from curate.core.settings import Settings
from curate.publish.context import PublishContext
from curate.publish.filters.config import Exclusion
from curate.publish.measures.codebase import CodebaseReader
from curate.publish.measures.solution_leaks import find_leaks
from curate.publish.stored_exclusions import ExclusionsById
from curate.publish.stored_rows import StoredRows
from curate.releases.row import Row
from curate.report.browser.listing import CandidateList
from curate.report.browser.text import show_controls
from curate.store import Store
from curate.store.browsing import ListedCandidate
from curate.store.stored_logs import find_explaining_log, last_lines, read_log

TAIL_LINES = 30  # of the log that explains a rejection


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The candidate of the same repository that was opened before, or after, and has a lock."""

    instance_id: str
    created_at: str
    environment: Environment


@dataclass(frozen=True, kw_only=True)
class LogTail:
    """The end of a stored log."""

    title: str
    lines: Sequence[str]
    command: str  # options of `curate logs` that print all of it


@dataclass(frozen=True, kw_only=True)
class InstanceFacts:
    """Everything that the page of a candidate shows."""

    listed: ListedCandidate
    candidate: Candidate
    pull: PullRequest | None
    validation: Validation | None
    website: str  # address of the site that has the repository
    exclusions: Sequence[Exclusion] = ()
    certification: Certification | None = None
    issues: Sequence[Issue] = ()  # those that are stored
    neighbours: Sequence[Neighbour] = ()
    measures: Row = field(default_factory=dict)  # columns that are published; {} = not validated
    log: LogTail | None = None

    @property
    def state(self) -> str:
        """One of "pending", "verified", "excluded", "rejected"."""
        return "excluded" if self.exclusions else self.listed.state

    @property
    def environment(self) -> Environment | None:
        """Of its validation."""
        return self.validation.environment if self.validation else None


@dataclass(frozen=True, kw_only=True)
class FactsReader:
    """Reads facts of candidates; what several of them need is read once."""

    store: Store
    settings: Settings
    listing: CandidateList
    exclusions: ExclusionsById = field(default_factory=dict)

    def read(self, ids: Sequence[str]) -> Iterator[InstanceFacts]:
        """Yield the facts of *ids*, in this order; what is no longer stored is passed over."""
        certifications = self.store.certifications.newest(ids)
        measures = self._read_measures(ids)
        for candidate in self.store.iter_candidates(ids=ids):
            name = candidate.instance_id
            listed = self.listing.by_id[name]
            validation = self.store.get_validation(name) if listed.is_validated else None
            yield InstanceFacts(
                listed=listed,
                candidate=candidate,
                pull=self.store.get_pull(candidate.repo, candidate.pull_number),
                validation=validation,
                website=website_url(self.settings.github_api_url),
                exclusions=self.exclusions.get(name, ()),
                certification=certifications.get(name),
                issues=tuple(self._read_issues(candidate)),
                neighbours=tuple(self._read_neighbours(name)) if validation else (),
                measures=measures.get(name) or (_measure(candidate) if validation else {}),
                log=self._read_log(validation) if validation else None,
            )

    def _read_measures(self, ids: Iterable[str]) -> Mapping[str, Row]:
        """Return the stored rows of those that are verified, as far as they were made."""
        verified = [name for name in ids if self.listing.by_id[name].state == "verified"]
        with CodebaseReader() as codebases:
            rows = StoredRows(ctx=PublishContext(store=self.store, codebases=codebases))
            made = [row for row in rows.read_made(verified) if not isinstance(row, Exclusion)]
        return {str(row["instance_id"]): row for row in made}

    def _read_issues(self, candidate: Candidate) -> Iterator[Issue]:
        for link in candidate.issue_links:
            found = self.store.get_issue(link.repo, link.number)
            if isinstance(found, Issue):
                yield found

    def _read_neighbours(self, name: str) -> Iterator[Neighbour]:
        for listed in self.listing.neighbours(name):
            environment = self._read_environment(listed.instance_id)
            if environment:
                yield Neighbour(
                    instance_id=listed.instance_id,
                    created_at=listed.created_at,
                    environment=environment,
                )

    @cached_property
    def _read_environment(self) -> Callable[[str], Environment | None]:
        @lru_cache(maxsize=64)  # neighbours are read one after the other
        def read(name: str) -> Environment | None:
            validation = self.store.get_validation(name)
            return validation.environment if validation else None

        return read

    def _read_log(self, validation: Validation) -> LogTail | None:
        """Return the end of the log that explains a rejection; a lost log hides nothing else."""
        log = find_explaining_log(validation)
        if log is None:
            return None
        try:
            lines = last_lines(read_log(self.store, log), TAIL_LINES)
        except StoreError as error:
            lines = [str(error)]
        shown = [show_controls(line)[:1000] for line in lines]
        return LogTail(title=show_controls(log.title), lines=shown, command=log.command)


def _measure(candidate: Candidate) -> Row:
    """Return the leaks of a candidate that has no row."""
    leaks = find_leaks(candidate)
    return {"solution_leaks": list(leaks.kinds), "leaked_patch_fraction": leaks.leaked_fraction}
