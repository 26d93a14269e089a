"""What a candidate requires, as a key by which candidates that share environments are found.

The key is that of the manifest at the base commit. Reading a manifest takes milliseconds, and there
are tens of thousands of candidates; but what was read of one commit tells which files decide, and
most commits have the same files.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path

from curate.builders.git.lazy_tree import LazyTree, TreeReader
from curate.builders.model import Failure
from curate.builders.process.digest import content_hash
from curate.builders.requirements import read_manifest
from curate.core.model import Candidate
from curate.core.shards import Shard
from curate.environments.shared_cutoff import RecordingTree
from curate.recipes import RecipeError, RecipeLibrary
from curate.recipes.schema import RequirementSources
from curate.store import Store
from curate.store.derived import CHUNK_SIZE

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

    def iter_keys(self, candidates: Iterable[Candidate]) -> Iterator[tuple[str, str, str]]:
        """Yield (instance id, repository, key of the manifest) of each candidate.

        Candidates of a repository follow each other. A commit that the mirror lacks has the key "".
        Raises NotFoundError for a repository without a mirror: its keys would be others where
        there is one.
        """
        new: list[tuple[str, str, bytes]] = []
        for repo, group in groupby(candidates, key=lambda one: one.repo):
            with closing(_RepositoryKeys(partial(self._get_mirror, repo))) as reader:
                for one in group:
                    sources = self._find_sources(one)
                    inputs = content_hash(KEY_VERSION, one.base_commit, repr(sources))
                    if self._known.get(one.instance_id) == inputs:
                        key = self._keys[one.instance_id].decode()
                    else:
                        key = reader.compute_key(one.base_commit, sources)
                        new.append((one.instance_id, inputs, key.encode()))
                    yield one.instance_id, repo, key
                    if len(new) == CHUNK_SIZE:
                        self._store.derived.save(KIND, new)
                        new.clear()
        self._store.derived.save(KIND, new)

    def _find_sources(self, one: Candidate) -> RequirementSources:
        """Return where the recipe finds requirements; the default where there is no recipe."""
        with suppress(RecipeError):
            return self._library.get_recipe(one.repo).environment_for(one.version).requirements
        return RequirementSources()


def list_shard(
    shard: Shard,
    store: Store,
    library: RecipeLibrary,
    get_mirror: Callable[[str], Path],
    *,
    repo: str | None,
    ids: Sequence[str],
) -> list[str]:
    """Return those candidates of *repo*, or of *ids* if there are any, that are in *shard*.

    Candidates of one repository with the same manifest are in the same shard, so no other builds
    their environments.
    """
    candidates = (one for one, _ in store.iter_candidate_heads(repo, ids=ids or None))
    keys = ManifestKeys(store, library, get_mirror).iter_keys(candidates)
    return [name for name, repo, key in keys if shard.contains(repo, key)]


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
            return ""
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
