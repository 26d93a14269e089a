"""What is computed from stored records and takes long: kept until the inputs change.

An entry has a kind (who computes it), a key (of what) and the hash of its inputs. It may be deleted
at any time: it is only a result that need not be computed again.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from curate.store.database import Database

CHUNK_SIZE = 200  # entries that are read or written at once

Entry = tuple[str, str, bytes]  # (key, inputs, data)


class DerivedTable:
    """Derived data by kind and key. Of a store that cannot be written, it is kept in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unsaved: dict[str, dict[str, tuple[str, bytes]]] = defaultdict(dict)

    def inputs_by_key(self, kind: str) -> dict[str, str]:
        """Return the inputs of all entries of *kind*."""
        query = "SELECT key, inputs FROM derived WHERE kind = ?"
        unsaved = {key: inputs for key, (inputs, _) in self._unsaved[kind].items()}
        return dict(self._database.fetch_all(query, kind)) | unsaved

    def get(self, kind: str, key: str, inputs: str) -> bytes | None:
        """Return an entry made from *inputs*; None if there is none."""
        if key in self._unsaved[kind]:
            found, data = self._unsaved[kind][key]
            return data if found == inputs else None
        query = "SELECT data FROM derived WHERE kind = ? AND key = ? AND inputs = ?"
        row = self._database.fetch_one(query, kind, key, inputs)
        return row[0] if row else None

    def iter_data(self, kind: str, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (key, data) of those of *keys* that have an entry, in the order of *keys*."""
        query = (
            "SELECT d.key, d.data FROM json_each(?) AS wanted CROSS JOIN derived d"
            " ON d.kind = ? AND d.key = wanted.value"
        )
        for start in range(0, len(keys), CHUNK_SIZE):
            chunk = keys[start : start + CHUNK_SIZE]
            found = dict(self._database.fetch_all(query, json.dumps(chunk), kind))
            found |= {
                key: self._unsaved[kind][key][1] for key in chunk if key in self._unsaved[kind]
            }
            yield from ((key, found[key]) for key in chunk if key in found)

    def save(self, kind: str, entries: Iterable[Entry]) -> None:
        """Save *entries*, in transactions of `CHUNK_SIZE`."""
        remaining = iter(entries)
        while chunk := list(islice(remaining, CHUNK_SIZE)):
            if self._database.is_read_only:
                self._unsaved[kind] |= {key: (inputs, data) for key, inputs, data in chunk}
                continue
            with self._database.transaction() as database:
                database.executemany(
                    "INSERT OR REPLACE INTO derived VALUES (?, ?, ?, ?)",
                    [(kind, *entry) for entry in chunk],
                )

    def keep_only(self, kind: str, keys: Mapping[str, object]) -> None:
        """Delete the entries of *kind* that are not in *keys*."""
        gone = [(kind, key) for key in self.inputs_by_key(kind) if key not in keys]
        if gone and not self._database.is_read_only:
            with self._database.transaction() as database:
                database.executemany("DELETE FROM derived WHERE kind = ? AND key = ?", gone)
