"""What certifications mean for the rows of a release: columns, quarantined tests, exclusions."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from curate.builders.rfc3339 import format_rfc3339
from curate.core.certification import (
    Certification,
    CertificationResult,
    InstanceCondition,
    assess_history,
    certifications_of,
)
from curate.core.model import Validation
from curate.releases.row import Row
from curate.store import Store

CERTIFICATION_COLUMNS = ("certified_at", "certified_passes")


def read_defects(store: Store) -> Mapping[str, InstanceCondition]:
    """Return the conditions of verified instances that a release must change or exclude, by id."""
    ids = store.certifications.ids_with_differences()
    if not ids:
        return {}
    images, read_history = store.verified_images(), _HistoryReader(store)
    found: dict[str, InstanceCondition] = {}
    for candidate, validation in store.iter_verified(sorted(ids & images.keys())):
        name = candidate.instance_id
        history = read_history(name, images[name])
        condition = assess_history(history, validation.verdict.fail_to_pass)
        if condition.problem or condition.quarantined:
            found[name] = condition
    return found


def read_newest(store: Store, ids: Collection[str]) -> Mapping[str, Certification]:
    """Return the newest certification of the present image of each of *ids*, by id."""
    newest = store.certifications.newest(ids)
    if not newest:
        return {}
    images, read_history = store.verified_images(), _HistoryReader(store)
    found: dict[str, Certification] = {}
    for name, one in newest.items():
        if one.is_good and certifications_of(images.get(name, ""), [one], read_history.aliases):
            found[name] = one
        elif history := read_history(name, images.get(name, "")):
            found[name] = history[-1]
    return found


class _HistoryReader:
    """Reads the certifications of instances; what holds for all is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.aliases, self._gone = store.image_ids_by_digest(), store.gone_images()

    def __call__(self, name: str, image: str) -> list[Certification]:
        """Return the certifications of *image*, oldest first.

        That it was missing counts only for as long as it has not been pushed again.
        """
        history = self._store.certifications.history(name)
        missing = CertificationResult.IMAGE_MISSING
        return [
            one
            for one in certifications_of(image, history, self.aliases)
            if one.result is not missing or one.image in self._gone
        ]


def certification_columns(one: Certification | None) -> Row:
    """Return the columns that tell the newest certification; None = never certified."""
    if one is None:
        return {"certified_at": "", "certified_passes": None}
    return {
        "certified_at": format_rfc3339(one.certified_at),
        "certified_passes": one.gold_passes,
    }


def quarantine_tests(validation: Validation, tests: Collection[str]) -> Validation:
    """Return *validation* with *tests* among the flaky ones, and in neither list."""
    verdict = validation.verdict
    listed = {*verdict.fail_to_pass, *verdict.pass_to_pass}
    flaky = listed.intersection(tests)
    if not flaky:
        return validation
    changed = replace(
        verdict,
        fail_to_pass=tuple(it for it in verdict.fail_to_pass if it not in flaky),
        pass_to_pass=tuple(it for it in verdict.pass_to_pass if it not in flaky),
        flaky_tests=tuple(sorted({*verdict.flaky_tests, *flaky})),
        pre_fix_outcomes={
            name: it for name, it in verdict.pre_fix_outcomes.items() if name not in flaky
        },
    )
    return replace(validation, verdict=changed)
