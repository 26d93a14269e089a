"""What the report says of validations: read once, and stored until they change.

A validation is a thousand times as large as what is counted of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from curate.core.flakiness import estimate_new_flaky_tests
from curate.core.model import Validation
from curate.publish.code_hash import hash_inputs
from curate.publish.context import ProgressCallback
from curate.publish.push_estimate import layer_sizes
from curate.store import Store
from curate.store.derived import Entry

_KIND, _VERSION = "report-validation", 2  # raise the version if the same validation gives others


@dataclass(frozen=True, kw_only=True)
class ValidationFacts:
    """Counts of one validation."""

    is_verified: bool
    environment: str = ""  # its key; "" = none was built
    python: str = ""
    lock_seconds: float = 0.0
    environment_seconds: float = 0.0  # of the part of the build that other candidates share
    checkout_seconds: float = 0.0  # of the rest of it
    run_seconds: float = 0.0  # of CPU time
    strength_seconds: float = 0.0  # of CPU time
    layers: Mapping[str, int] | None = None  # "kind name" -> bytes
    flaky_tests: int = 0
    new_flaky_tests: float | None = None  # that one more run would show
    hunks: int | None = None  # None = strength was not measured
    untested_hunks: int = 0


def make_facts(validation: Validation) -> ValidationFacts:
    """Return what the report counts of *validation*."""
    environment, strength = validation.environment, validation.test_strength
    facts = ValidationFacts(
        is_verified=validation.is_verified,
        run_seconds=sum(run.cpu_seconds for run in validation.runs),
        strength_seconds=validation.strength_seconds,
        flaky_tests=len(validation.verdict.flaky_tests),
        new_flaky_tests=estimate_new_flaky_tests(validation.runs),
        hunks=len(strength.hunks) if strength else None,
        untested_hunks=len(strength.untested) if strength else 0,
    )
    if environment is None:
        return facts
    layers = {f"{kind} {name}": size for (kind, name), size in layer_sizes(environment).items()}
    built = {
        "environment": environment.key,
        "python": environment.python,
        "lock_seconds": environment.lock_seconds,
        "environment_seconds": environment.environment_seconds,
        # not below 0: the environment may have been built by an earlier attempt
        "checkout_seconds": max(0.0, environment.build_seconds - environment.environment_seconds),
        "layers": layers,
    }
    return ValidationFacts(**{**asdict(facts), **built})


def iter_validation_facts(
    store: Store, progress: ProgressCallback
) -> Iterator[tuple[str, ValidationFacts]]:
    """Yield (instance id, facts) of all validations, ordered by id."""
    inputs = {name: hash_inputs(_VERSION, it) for name, it in store.validation_hashes().items()}
    known = store.derived.inputs_by_key(_KIND)
    stale = [name for name, it in inputs.items() if known.get(name) != it]

    def make_stale() -> Iterator[Entry]:
        for number, name in enumerate(stale, 1):
            progress("reading validations", number, len(stale))
            if validation := store.get_validation(name):
                yield name, inputs[name], json.dumps(asdict(make_facts(validation))).encode()

    store.derived.save(_KIND, make_stale())
    store.derived.keep_only(_KIND, inputs)
    for name, packed in store.derived.iter_data(_KIND, list(inputs)):
        yield name, ValidationFacts(**json.loads(packed))
