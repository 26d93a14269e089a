"""Environments of verified instances, stored apart from the runs of their validations.

Images need these alone, and a validation is a thousand times as large.
"""

from collections.abc import Collection, Iterator

from curate.core.model import Environment
from curate.publish.code_hash import hash_inputs
from curate.store import Store
from curate.store.derived import Entry
from curate.store.serialization import from_json, to_json

_ENVIRONMENT = "environment"


def iter_environments(
    store: Store, ids: Collection[str] | None = None
) -> Iterator[tuple[str, Environment]]:
    """Yield (instance id, environment) of the verified instances *ids* (default: all).

    In the given order; those whose environment was not recorded are left out.
    """
    inputs = {name: hash_inputs(key) for name, key in store.verified_inputs().items()}
    wanted = list(inputs) if ids is None else [name for name in ids if name in inputs]
    known = store.derived.inputs_by_key(_ENVIRONMENT)
    stale = [name for name in wanted if known.get(name) != inputs[name]]

    def make_stale() -> Iterator[Entry]:
        for candidate, validation in store.iter_verified(stale):
            name, environment = candidate.instance_id, validation.environment
            yield name, inputs[name], to_json(environment) if environment else b""

    store.derived.save(_ENVIRONMENT, make_stale())
    store.derived.keep_only(_ENVIRONMENT, inputs)
    for name, packed in store.derived.iter_data(_ENVIRONMENT, wanted):
        if packed:
            yield name, from_json(Environment, packed)
