"""Replies of build back-ends, kept with the files that they were made from.

A reply is found again for every commit at which these files have the same content, whatever else
has changed. It is therefore the same that the back-end would give if it were asked.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from curate.builders.git.tree import GitTree
from curate.builders.metadata.parse import FileRecord
from curate.builders.process.digest import content_hash
from curate.environments.backend_question import BackendReply
from curate.store import Store
from curate.store.serialization import dumps, loads
from curate.store.shared_rows import DerivedEntry

RECORDS, REPLIES = "backend-records", "backend-replies"  # kinds of derived data
MAX_RECORDS = 40  # sets of files that are kept of one build system

# Names of files that become the long description of a project, or its license.
_DESCRIPTION = re.compile(
    r"(README|CHANGE(S|LOG)|HISTORY|NEWS|AUTHORS|CONTRIBUTORS|LICEN[SC]E|COPYING)"
    r"(\.(rst|md|txt))?",
    re.IGNORECASE,
)
_lock = threading.Lock()


def find_reply(store: Store, tree: GitTree, key: str, version: str) -> BackendReply | None:
    """Return the stored reply of the build system *key* for the files of *tree*, if there is one.

    Args:
        store: The store.
        tree: The files of the commit.
        key: Hash of everything but the files: interpreter, build requirements, variables.
        version: Version of the project at the commit.
    """
    files = _TreeStates(tree)
    for record in _list_records(store, key):
        for mentioned in dict.fromkeys(("", version)):
            place = content_hash(key, files.describe(record), mentioned)
            data = store.derived.get(REPLIES, place, place)
            if data:
                return loads(BackendReply, data)
    return None


def save_reply(store: Store, tree: GitTree, key: str, reply: BackendReply) -> None:
    """Save *reply*, whose answer was made from the files of *tree*."""
    record = _without_descriptions(reply.record) if reply.answer else reply.record
    with _lock:
        known = _list_records(store, key)
        if record not in known:
            kept = [record, *known][:MAX_RECORDS]
            store.derived.save(RECORDS, [(key, key, dumps(_Records(records=tuple(kept))))])
    place = content_hash(key, _TreeStates(tree).describe(record), reply.version)
    store.derived.save(REPLIES, [(place, place, dumps(reply))])


def save_entries(store: Store, entries: Iterable[DerivedEntry]) -> None:
    """Save *entries* of another store, of the kinds `RECORDS` and `REPLIES`."""
    with _lock:
        for kind, key, inputs, data in entries:
            if kind == REPLIES:
                store.derived.save(kind, [(key, inputs, data)])
            elif kind == RECORDS:
                known = _list_records(store, key)
                new = [it for it in loads(_Records, data).records if it not in known]
                if new:
                    kept = _Records(records=(*new, *known)[:MAX_RECORDS])
                    store.derived.save(RECORDS, [(key, key, dumps(kept))])


def _without_descriptions(record: FileRecord) -> FileRecord:
    """Let texts about the project count as existing only: they change often and declare nothing."""
    texts = tuple(path for path in record.read if _DESCRIPTION.fullmatch(path.rpartition("/")[2]))
    return replace(
        record,
        read=tuple(path for path in record.read if path not in texts),
        checked=tuple(sorted({*record.checked, *texts})),
    )


@dataclass(frozen=True, kw_only=True)
class _Records:
    records: tuple[FileRecord, ...]


def _list_records(store: Store, key: str) -> tuple[FileRecord, ...]:
    data = store.derived.get(RECORDS, key, key)
    return loads(_Records, data).records if data else ()


class _TreeStates:
    """What the paths of a record are at one commit."""

    def __init__(self, tree: GitTree) -> None:
        self.tree = tree
        self.names: dict[str, set[str]] = {".": set()}  # folder -> names in it
        for path in tree.paths:
            self.names.setdefault(path.rpartition("/")[0] or ".", set()).add(path.split("/")[-1])
        for folder in [name for name in self.names if name != "."]:
            parts = folder.split("/")
            for depth, name in enumerate(parts):
                self.names.setdefault("/".join(parts[:depth]) or ".", set()).add(name)

    def describe(self, record: FileRecord) -> str:
        """Return a hash of *record* and of what its paths are; of the commit if it is partial."""
        states = (
            [self.tree.object_id(path) for path in record.read],
            [self._kind(path) for path in record.checked],
            [sorted(self.names.get(path, ())) for path in record.listed],
            "" if record.is_complete else self.tree.commit,
        )
        return content_hash(record.read, record.checked, record.listed, states)

    def _kind(self, path: str) -> str:
        if self.tree.object_id(path):
            return "file"
        return "folder" if path in self.names else ""
