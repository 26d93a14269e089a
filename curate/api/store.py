"""`curate.Store`: everything that curate knows, to be read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from curate.api.errors import raise_curate_errors, translated_iterator
from curate.core.errors import ConfigurationError, NotFoundError
from curate.core.model import Candidate, Run, Validation, Verdict
from curate.core.settings import read_settings
from curate.store import RepositoryFunnel
from curate.store import Store as StoredState
from curate.store.database import DATABASE_FILE
from curate.store.listing import ListedPull, ListingFilter, list_pulls
from curate.store.unknown_ids import explain_unknown_id

STATES = ("pending", "verified", "rejected")


class Store:
    """The store of a data directory, opened for reading alone.

    Nothing here writes: several programs may read while a `curate` command works, and see what it
    has finished. Iterators read a few records at a time, so that a pool of any size can be walked
    through. Use it as a context manager, or call `close`. Safe to use from several threads.

    Attributes:
        data_dir: The data directory, absolute.
    """

    def __init__(self, data_dir: str | Path | None = None) -> None:
        """Open the store in *data_dir*; by default, in that of the settings (`CURATE_DATA_DIR`).

        Raises:
            NotFoundError: There is no store.
            StoreError: It cannot be read, or another version of curate made it.
        """
        with raise_curate_errors():
            folder = read_settings({}).data_dir if data_dir is None else Path(data_dir)
            self.data_dir = folder.absolute()
            if not (self.data_dir / DATABASE_FILE).is_file():
                raise NotFoundError(
                    f"There is no store in {self.data_dir}.",
                    hint="Pass the data directory of curate crawl, or run it first.",
                )
            self._state = StoredState(self.data_dir, read_only=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; closing twice does nothing."""
        self._state.close()

    @property
    def repositories(self) -> tuple[str, ...]:
        """The crawled repositories, "owner/name", sorted."""
        with raise_curate_errors():
            return self._state.list_repositories()

    def funnel(self, repo: str = "") -> RepositoryFunnel:
        """Return how far the pull requests of *repo* came; of all repositories together if "".

        `rejected` counts by "stage/reason"; `work_seconds` are seconds of CPU time of test runs
        and of wall time of locks and builds; `unique_bytes` those of images' own layers. A
        repository that was not crawled has zeros.
        """
        with raise_curate_errors():
            found = [it for it in self._state.list_funnels() if repo in ("", it.repo)]
        return _add_funnels(repo, found)

    def pulls(
        self, *, repo: str = "", state: str = "", reason: str = "", where: str = ""
    ) -> Iterator[ListedPull]:
        """Yield the pull requests that were decided on, by repository and number.

        Args:
            repo: "owner/name"; "" = all.
            state: "pending" (a candidate not yet validated), "verified" or "rejected"; "" = all.
            reason: Of the rejection, such as "flaky-tests"; "" = all.
            where: Condition in SQL, as of `curate list --where`; "" = none.

        Raises:
            ConfigurationError: *state* is none, or *where* is not valid.
        """
        if state not in ("", *STATES):
            raise ConfigurationError(
                f"There is no state {state!r}.", hint=f"States are {', '.join(STATES)}."
            )
        chosen = ListingFilter(repo=repo, states=(state,) if state else (), where=where)
        for pull in translated_iterator(list_pulls(self.data_dir, chosen)):
            if reason in ("", pull.reason):
                yield pull

    def candidates(
        self, *, repo: str = "", ids: Iterable[str] | None = None
    ) -> Iterator[Candidate]:
        """Yield candidates with their patches (bytes), by repository and number.

        With *ids*, those of them that exist, in the given order.
        """
        return translated_iterator(self._state.iter_candidates(repo or None, ids=ids))

    def candidate(self, instance_id: str) -> Candidate:
        """Return one candidate. Raises NotFoundError for an unknown id."""
        with raise_curate_errors():
            found = self._state.get_candidate(instance_id)
            if found is None:
                raise explain_unknown_id(self._state, instance_id)
            return found

    def verified(self, *, repo: str = "") -> Iterator[tuple[Candidate, Validation]]:
        """Yield the verified candidates with their validations, by repository and number."""
        for pair in translated_iterator(self._state.iter_verified()):
            if repo in ("", pair[0].repo):
                yield pair

    def validations(self, *, repo: str = "") -> Iterator[Validation]:
        """Yield the newest validation of each candidate that has one, verified or rejected.

        A validation has its environment, runs and verdict. By repository and number.
        """
        with raise_curate_errors():
            names = list(self._state.candidate_hashes(repo or None))
        for name in names:
            with raise_curate_errors():
                found = self._state.get_validation(name)
            if found is not None:
                yield found

    def validation(self, instance_id: str) -> Validation | None:
        """Return the newest validation of a candidate; None if it has none.

        Raises NotFoundError for an unknown id.
        """
        self.candidate(instance_id)
        with raise_curate_errors():
            return self._state.get_validation(instance_id)

    def verdicts(self, *, repo: str = "") -> Iterator[tuple[str, Verdict]]:
        """Yield instance id and verdict of each validation, by repository and number.

        `fail_to_pass`, `pass_to_pass` and `flaky_tests` are pytest node ids; `rejection` is None
        for a verified candidate.
        """
        for found in self.validations(repo=repo):
            yield found.instance_id, found.verdict

    def runs(self, instance_id: str) -> tuple[Run, ...]:
        """Return the test runs of a candidate's validation, in order; () if it was not validated.

        `side` is "before" or "after" the gold patch; `outcomes` maps node ids to outcomes.

        Raises NotFoundError for an unknown id.
        """
        found = self.validation(instance_id)
        return found.runs if found else ()

    def log(self, run: Run) -> bytes:
        """Return what *run* printed; b"" if nothing is stored.

        Raises StoreError if it is damaged.
        """
        with raise_curate_errors():
            return self._state.blobs.get(run.log) if run.log else b""

    def build_logs(self, instance_id: str) -> tuple[tuple[str, bytes], ...]:
        """Return (attempt, log) of each lock or build of a candidate that failed, in order.

        Raises NotFoundError for an unknown id.
        """
        found = self.validation(instance_id)
        attempts = zip(found.attempts, found.attempt_logs, strict=False) if found else ()
        with raise_curate_errors():
            return tuple((name, self._state.blobs.get(key)) for name, key in attempts if key)


def _add_funnels(repo: str, funnels: Sequence[RepositoryFunnel]) -> RepositoryFunnel:
    rejected: Counter[str] = sum((Counter(it.rejected) for it in funnels), Counter())
    return RepositoryFunnel(
        repo=repo,
        pulls=sum(it.pulls for it in funnels),
        undecided=sum(it.undecided for it in funnels),
        candidates=sum(it.candidates for it in funnels),
        attempted=sum(it.attempted for it in funnels),
        verified=sum(it.verified for it in funnels),
        rejected=dict(sorted(rejected.items())),
        work_seconds=sum(it.work_seconds for it in funnels),
        unique_bytes=sum(it.unique_bytes for it in funnels),
    )
