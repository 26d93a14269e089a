"""Which instances are certified tonight: a sample that rotates through all of them."""

import hashlib
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from curate.core.errors import ConfigurationError

log = logging.getLogger(__name__)

MAX_NIGHTS = 30  # every instance is certified at least once in so many nights
SAME_NIGHT = timedelta(hours=12)  # what is not older was certified by this night's run
# With the next night an instance would be over `MAX_NIGHTS`; nights do not begin to the second.
_OVERDUE = timedelta(days=MAX_NIGHTS - 1) - SAME_NIGHT


def parse_share(text: str) -> float:
    """Return the share that "10%" or "0.1" is; raises ConfigurationError for anything else."""
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise ConfigurationError(
            f"Invalid share {text!r} of instances to certify.",
            hint="Give more than 0% and at most 100%, such as 10%.",
        )
    return share


def choose_sample(
    known: Mapping[str, datetime | None],
    share: float,
    now: datetime,
    suspects: Collection[str] = (),
) -> Sequence[str]:
    """Return the ids to certify tonight, the most urgent first.

    Args:
        known: Last certification of every instance; None = never.
        share: Of the instances, more than 0 and at most 1. One that would take more than
            `MAX_NIGHTS` nights for all is raised.
        now: The night; what was certified less than `SAME_NIGHT` ago belongs to it, so another
            call of the same night returns what is left.
        suspects: Instances whose last certification failed: they come first, beside the share.

    Never certified ones come next, in an order that other instances do not change, then the
    oldest. Raises ConfigurationError for another *share*.
    """
    ages = {name: _find_age(last, now) for name, last in known.items()}
    done = {name for name, age in ages.items() if age is not None and age < SAME_NIGHT}
    again = sorted(name for name in {*suspects} if name in ages and name not in done)
    waiting = [name for name in ages if name not in done and name not in {*again}]
    waiting.sort(key=lambda name: (*_rank(ages[name]), _spread(name)))
    size = max(0, _count(share, len(known)) - len(done - {*suspects}))
    overdue = [name for name in waiting[size:] if (age := ages[name]) and age >= _OVERDUE]
    return [*again, *waiting[:size], *overdue]


def _count(share: float, total: int) -> int:
    """Return how many of *total* instances a night takes."""
    if not 0 < share <= 1:
        raise ConfigurationError(
            f"Invalid share {share:.1%} of instances to certify.",
            hint="Give more than 0% and at most 100%, such as 10%.",
        )
    needed = math.ceil(total / MAX_NIGHTS)
    wanted = math.ceil(share * total)
    if wanted < needed:
        log.warning(
            "%s of %s instances a night would take more than %s nights: %s are certified instead",
            *(f"{share:.1%}", f"{total:,}", MAX_NIGHTS, f"{needed:,}"),
        )
    return max(wanted, needed)


def _find_age(last: datetime | None, now: datetime) -> timedelta | None:
    """Return how long ago *last* was; None for never, and for a time that has yet to come."""
    if last is None or last - now >= SAME_NIGHT:  # the clock was wrong then, or is now
        return None
    return now - last


def _rank(age: timedelta | None) -> tuple[int, float]:
    return (0, 0.0) if age is None else (1, -age.total_seconds())


def _spread(instance_id: str) -> str:
    """A key that mixes repositories, the same in every call."""
    return hashlib.sha256(instance_id.encode("utf-8", "surrogatepass")).hexdigest()
