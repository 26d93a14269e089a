"""Another variant of a draft, where a trial of it shows what to change.

A reviser is a pure function: it reads what failed, and returns a changed draft or None. The caller
tries the changed draft on the same candidates and keeps the better one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from curate.recipe_tools.draft.propose import RecipeDraft
from curate.recipe_tools.draft.version_ranges import DraftValue, RangeDraft


@dataclass(frozen=True, kw_only=True)
class TrialFailure:
    """A candidate that was rejected with a draft, and the log that says why."""

    instance_id: str
    stage: str
    reason: str
    detail: str
    log: str


Reviser = Callable[[RecipeDraft, Sequence[TrialFailure]], RecipeDraft | None]
"""Returns the changed draft, or None if the failures do not show what to change."""

SYSTEM_PACKAGES = "system_packages"

# What apt says of a package that the Debian release of the images does not have.
_NO_PACKAGE = re.compile(
    r"E: (?:Unable to locate package (\S+)|Package '(\S+)' has no installation candidate)"
)


def drop_unknown_packages(
    draft: RecipeDraft, failures: Sequence[TrialFailure]
) -> RecipeDraft | None:
    """Drop the system packages that CI installs under a name that apt does not know."""
    logs = "\n".join(it.log for it in failures if it.stage == "build")
    unknown = {name for pair in _NO_PACKAGE.findall(logs) for name in pair if name}
    ranges = tuple(_drop_packages(it, unknown) for it in draft.ranges)
    dropped = sorted({it.value for each in draft.ranges for it in _packages(each)} & unknown)
    if not dropped:
        return None
    warning = f"Left out, as Debian 12 has no package of this name: {', '.join(dropped)}."
    return replace(draft, ranges=ranges, warnings=(*draft.warnings, warning))


def _packages(each: RangeDraft) -> tuple[DraftValue, ...]:
    return each.facts.get(SYSTEM_PACKAGES, ())


def _drop_packages(each: RangeDraft, names: set[str]) -> RangeDraft:
    kept = tuple(it for it in _packages(each) if it.value not in names)
    facts = {kind: values for kind, values in each.facts.items() if kind != SYSTEM_PACKAGES}
    return replace(each, facts={**facts, SYSTEM_PACKAGES: kept} if kept else facts)


REVISERS: tuple[Reviser, ...] = (drop_unknown_packages,)


def revise_draft(
    draft: RecipeDraft, failures: Sequence[TrialFailure], revisers: Sequence[Reviser] = REVISERS
) -> RecipeDraft | None:
    """Apply every reviser that has an answer; None if none has."""
    revised = draft
    for revise in revisers:
        revised = revise(revised, failures) or revised
    return revised if revised != draft else None
