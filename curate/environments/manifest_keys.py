"""What a candidate requires, as a key by which candidates that share environments are found.

The key is that of the manifest at the base commit. Reading a manifest takes milliseconds, and there
are tens of thousands of candidates; but what was read of one commit tells which files decide, and
most commits have the same files.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path

from curate.builders.git.lazy_tree import LazyTree, TreeReader
from curate.builders.git.run import GitCommandError
from curate.builders.model import Failure
from curate.builders.process.digest import content_hash
from curate.builders.requirements import read_manifest
from curate.core.errors import CurateError, NotFoundError
from curate.core.model import Candidate
from curate.core.shards import Shard
from curate.environments.shared_cutoff import RecordingTree
from curate.recipes import RecipeError, RecipeLibrary
from curate.recipes.schema import RequirementSources
from curate.store import Store
from curate.store.derived import CHUNK_SIZE

log = logging.getLogger(__name__)

KIND = "manifest-key"  # of derived data
KEY_VERSION = 1  # raise it if the same files and recipe give another key
_MAX_RECORDS = 20  # sets of files that are tried before a manifest is read

_Record = tuple[tuple[str, ...], tuple[str, ...]]  # paths that were read, folders that were listed


class ManifestKeys:
    """Computes keys, and keeps them in the store until commit or recipe change."""

    def __init__(
        self, store: Store, library: RecipeLibrary, get_mirror: Callable[[str], Path]
    ) -> None:
        self._store, self._library, self._get_mirror = store, library, get_mirror
        self._known = store.derived.inputs_by_key(KIND)
        self._keys = dict(store.derived.iter_data(KIND, list(self._known)))
        self.problems: dict[str, CurateError | GitCommandError] = {}

    def iter_keys(self, candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, str | None]]:
        """Yield candidates with the keys of their manifests; None if the mirror does not tell.

        Why not is in `problems` by repository.
        """
        new: list[tuple[str, str, bytes]] = []
        for repo, group in groupby(candidates, key=lambda one: one.repo):
            with closing(_RepositoryKeys(partial(self._get_mirror, repo))) as reader:
                for one in group:
                    sources = self._find_sources(one)
                    inputs = content_hash(KEY_VERSION, one.base_commit, repr(sources))
                    if self._known.get(one.instance_id) == inputs:
                        yield one, self._keys[one.instance_id].decode()
                        continue
                    key = self._compute_key(one, sources, reader)
                    yield one, key
                    if key is not None:
                        new.append((one.instance_id, inputs, key.encode()))
                    if len(new) == CHUNK_SIZE:
                        self._store.derived.save(KIND, new)
                        new.clear()
        self._store.derived.save(KIND, new)

    def _compute_key(
        self, one: Candidate, sources: RequirementSources, reader: "_RepositoryKeys"
    ) -> str | None:
        try:
            return reader.compute_key(one.base_commit, sources)
        except (CurateError, GitCommandError) as error:
            if one.repo not in self.problems:
                log.warning("%s: %s", one.repo, error)
            self.problems.setdefault(one.repo, error)
            return None

    def _find_sources(self, one: Candidate) -> RequirementSources:
        """Return where the recipe finds requirements; the default where there is no recipe."""
        with suppress(RecipeError):
            return self._library.get_recipe(one.repo).environment_for(one.version).requirements
        return RequirementSources()


@dataclass(frozen=True, kw_only=True)
class ShardMembers:
    """The candidates in a shard."""

    ids: Sequence[str]
    unknown: int  # candidates of which this machine cannot tell the shard
    problem: CurateError | GitCommandError | None  # why not, of the first repository

    def require_all(self) -> None:
        """Raise NotFoundError if there are candidates of which the shard is not known."""
        if self.problem:
            raise NotFoundError(
                f"The shards of {self.unknown:,} candidates are not known: {self.problem}",
                hint="Give this machine the mirrors, and run the same command again.",
            )


def list_shard(
    shard: Shard,
    store: Store,
    library: RecipeLibrary,
    get_mirror: Callable[[str], Path],
    *,
    repo: str | None,
    ids: Sequence[str],
) -> ShardMembers:
    """Return those candidates of *repo*, or of *ids* if there are any, that are in *shard*.

    Candidates of one repository with the same manifest are in the same shard, so no other builds
    their environments. Where the mirror does not show the manifest, nobody can tell the shard, and
    another machine may: such candidates are in none, and their number is not 0.
    """
    candidates = (one for one, _ in store.iter_candidate_heads(repo, ids=ids or None))
    keys = ManifestKeys(store, library, get_mirror)
    found, unknown = list[str](), 0
    for one, key in keys.iter_keys(candidates):
        unknown += key is None
        if key is not None and shard.contains(one.repo, key):
            found.append(one.instance_id)
    return ShardMembers(
        ids=found, unknown=unknown, problem=next(iter(keys.problems.values()), None)
    )


class _RepositoryKeys:
    """Keys of the commits of one repository."""

    def __init__(self, get_mirror: Callable[[], Path]) -> None:
        self._get_mirror = get_mirror
        self._records: dict[str, list[_Record]] = defaultdict(list)  # by sources
        self._keys: dict[str, str] = {}  # by state of the files

    @cached_property
    def _reader(self) -> TreeReader:
        return TreeReader(self._get_mirror())

    def close(self) -> None:
        if "_reader" in vars(self):
            self._reader.close()

    def compute_key(self, commit: str, sources: RequirementSources) -> str:
        tree = LazyTree(self._reader, commit)
        if not tree.exists():
            raise NotFoundError(f"The mirror has no commit {commit}.")
        place = repr(sources)
        records = self._records[place]
        for record in records:
            key = self._keys.get(_describe(tree, place, record))
            if key is not None:
                return key
        recorded = RecordingTree(tree)
        manifest = read_manifest(recorded, sources)
        key = "none" if isinstance(manifest, Failure) else manifest.key
        record = recorded.record()
        if record not in records:
            records.insert(0, record)
            del records[_MAX_RECORDS:]
        self._keys[_describe(tree, place, record)] = key
        return key


def _describe(tree: LazyTree, place: str, record: _Record) -> str:
    paths, folders = record
    states = [tree.object_id(path) for path in paths], [tree.list_names(it) for it in folders]
    return content_hash(place, record, states)
