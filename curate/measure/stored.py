"""Measurements in the store: one for each instance, kept until what it depends on changes."""

from collections.abc import Iterator, Sequence

from curate.core.measurement import Measurement
from curate.store import Store
from curate.store.serialization import dumps, loads

KIND = "measurement"


def save_measurement(store: Store, one: Measurement) -> None:
    """Save *one* in place of an earlier measurement of its instance."""
    store.derived.save(KIND, [(one.instance_id, one.inputs_hash, dumps(one))])


def find_measurement(store: Store, instance_id: str, inputs_hash: str) -> Measurement | None:
    """Return the measurement of these inputs; None if there is none."""
    data = store.derived.get(KIND, instance_id, inputs_hash)
    return loads(Measurement, data) if data is not None else None


def iter_measurements(store: Store, ids: Sequence[str]) -> Iterator[Measurement]:
    """Yield the last measurement of each of *ids* that has one, in this order."""
    for _, data in store.derived.iter_data(KIND, ids):
        yield loads(Measurement, data)
