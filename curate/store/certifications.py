"""Certifications of instances: every one that was made, and quickly the newest."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from curate.builders.process.digest import content_hash
from curate.core.certification import (
    Certification,
    CertificationResult,
    MachineFacts,
    TestDifference,
)
from curate.store.database import Database
from curate.store.serialization import dumps, from_json, loads, to_json

_COLUMNS = (
    "c.instance_id, c.dataset, c.certified_at, c.image, c.repository, c.is_pulled, c.result,"
    " c.gold_runs, c.gold_passes, c.empty_result, c.seconds, c.detail, c.log, c.data, m.data"
)
_FROM = "certifications c JOIN certification_machines m ON m.key = c.machine"


class Certifications:
    """The tables `certifications` and `certification_machines`; rows are never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, one: Certification) -> None:
        """Save *one*; the same again changes nothing."""
        facts = to_json(one.machine)
        key = content_hash(facts.decode())[:16]
        packed = dumps(list(one.differences)) if one.differences else b""
        columns = (
            *(one.instance_id, one.dataset, one.certified_at.isoformat(timespec="microseconds")),
            *(one.image, one.repository, one.is_pulled, str(one.result)),
            *(one.gold_runs, one.gold_passes, one.empty_result, one.seconds),
            *(one.detail, one.log, packed, key),
        )
        with self._database.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO certification_machines VALUES (?, ?)", (key, facts)
            )
            marks = ", ".join("?" * len(columns))
            database.execute(f"INSERT OR REPLACE INTO certifications VALUES ({marks})", columns)

    def newest(self, ids: Iterable[str], dataset: str = "") -> dict[str, Certification]:
        """Return the newest certification of each of *ids* that has one, by instance id."""
        query = (
            f"SELECT {_COLUMNS} FROM json_each(?) AS wanted CROSS JOIN {_FROM}"
            " WHERE c.dataset = ?2 AND c.instance_id = wanted.value AND c.certified_at ="
            " (SELECT MAX(certified_at) FROM certifications"
            " WHERE dataset = ?2 AND instance_id = wanted.value)"
        )
        rows = self._database.fetch_all(query, json.dumps(list(ids)), dataset)
        return {row[0]: _load(row) for row in rows}

    def history(self, instance_id: str, dataset: str = "") -> list[Certification]:
        """Return all certifications of an instance, oldest first."""
        query = (
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE c.dataset = ? AND c.instance_id = ?"
            " ORDER BY c.certified_at"
        )
        return [_load(row) for row in self._database.fetch_all(query, dataset, instance_id)]

    def newest_good(self, instance_id: str, dataset: str = "") -> Certification | None:
        """Return the last certification in which everything was as promised; None if never."""
        query = (
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE c.dataset = ? AND c.instance_id = ?"
            " AND c.result = ? ORDER BY c.certified_at DESC LIMIT 1"
        )
        good = str(CertificationResult.CERTIFIED)
        row = self._database.fetch_one(query, dataset, instance_id, good)
        return _load(row) if row else None

    def ids_with_differences(self, dataset: str = "") -> frozenset[str]:
        """Return the instances that had a certification which was not good."""
        query = (
            "SELECT DISTINCT instance_id FROM certifications INDEXED BY certifications_bad"
            " WHERE dataset = ? AND result <> 'certified'"
        )
        return frozenset(row[0] for row in self._database.fetch_all(query, dataset))

    def fingerprint(self) -> tuple[int, str]:
        """Return what differs after every new one: how many there are, and when the last was."""
        row = self._database.fetch_one("SELECT COUNT(*), MAX(certified_at) FROM certifications")
        return (row[0], row[1] or "") if row else (0, "")

    def iter_all(self) -> Iterator[Certification]:
        """Yield everything, by dataset, instance and time; for merges of stores."""
        query = "SELECT DISTINCT dataset, instance_id FROM certifications ORDER BY 1, 2"
        for dataset, name in self._database.fetch_all(query):
            yield from self.history(name, dataset)


def _load(row: Sequence[Any]) -> Certification:
    return Certification(
        instance_id=row[0],
        dataset=row[1],
        certified_at=datetime.fromisoformat(row[2]),
        image=row[3],
        repository=row[4],
        is_pulled=bool(row[5]),
        result=CertificationResult(row[6]),
        gold_runs=row[7],
        gold_passes=row[8],
        empty_result=row[9],
        seconds=row[10],
        detail=row[11],
        log=row[12],
        differences=tuple(loads(list[TestDifference], row[13])) if row[13] else (),
        machine=from_json(MachineFacts, row[14]),
    )
