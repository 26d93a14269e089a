"""The certification of a night: a rotating sample of the verified instances is graded again."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curate.certification.drift import Drift, describe_drift, list_drift
from curate.certification.known import read_known
from curate.certification.run import (
    CertificationOptions,
    CertificationSummary,
    certify_instances,
)
from curate.certification.sample import choose_sample
from curate.core.settings import Settings
from curate.environments.tasks import StoredTasks
from curate.store import Store
from curate.workflows.problem import Problem

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NightCertification:
    """What was certified tonight."""

    counts: Mapping[str, int]  # instances by what came out
    certified: tuple[str, ...]  # ids of all that have a result of this call
    drift: tuple[Mapping[str, object], ...]  # what is no longer as promised, test by test
    standing: tuple[Mapping[str, object], ...]  # the same of all instances, by newest result
    errors: Mapping[str, str]  # of machine and registry, by instance id
    left: int

    @property
    def problem(self) -> Problem | None:
        """The first error of machine or registry; drift is a finding, not an error."""
        if not self.errors:
            return None
        name, error = next(iter(self.errors.items()))
        count = f"infrastructure errors on {len(self.errors):,} instances"
        return Problem(message=f"{count}, the first {name}: {error}", exit_code=3)

    def to_document(self) -> dict[str, Any]:
        """Return it as values that JSON has."""
        return {
            "certified": list(self.certified),
            "counts": dict(self.counts),
            "drift": [dict(it) for it in self.drift],
            "standing": [dict(it) for it in self.standing],
            "errors": dict(self.errors),
            "left": self.left,
        }


def certify_night(
    store: Store, settings: Settings, share: float, options: CertificationOptions
) -> NightCertification:
    """Certify *share* of the verified instances, those that waited longest first.

    Raises what `certify_instances` raises.
    """
    source = StoredTasks(store=store)
    known = read_known(source, store)
    ids = choose_sample(known.last, share, options.now(), known.suspects)
    log.info("%s instances to certify", f"{len(ids):,}")
    summary = certify_instances(ids, source, store, settings, options)
    return _describe(summary, store)


def _describe(summary: CertificationSummary, store: Store) -> NightCertification:
    return NightCertification(
        counts=summary.count(),
        certified=tuple(sorted(summary.results)),
        drift=tuple(it.to_json() for it in list_drift(summary, store)),
        standing=tuple(it.to_json() for it in _list_standing(store)),
        errors={**summary.errors, **summary.invalid},
        left=len(summary.left),
    )


def _list_standing(store: Store) -> Iterator[Drift]:
    """Yield the drift of all verified instances whose newest certification was not good."""
    ids = sorted(store.certifications.ids_with_differences() & store.verified_inputs().keys())
    for name, one in sorted(store.certifications.newest(ids).items()):
        if not one.is_good:
            good = store.certifications.newest_good(name)
            yield from describe_drift(one, good, store.get_validation(name))
