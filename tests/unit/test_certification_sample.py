"""Which instances are certified tonight."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.certification.sample import MAX_NIGHTS, choose_sample
from curate.core.errors import ConfigurationError

NIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)
IDS = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=60)
SHARES = st.floats(min_value=0.001, max_value=1)


def after(night: int, minutes: float = 0) -> datetime:
    return NIGHT + timedelta(days=night, minutes=minutes)


def certify_all(known: dict[str, datetime | None], share: float, now: datetime) -> list[str]:
    """One whole night: sample and note; returns what was certified."""
    chosen = list(choose_sample(known, share, now))
    known.update(dict.fromkeys(chosen, now))
    return chosen


@given(ids=IDS, share=SHARES, seed=st.integers(0, 99))
def test_every_instance_comes_at_least_once_in_thirty_nights(
    ids: list[str], share: float, seed: int
) -> None:
    jitter = random.Random(seed)
    known: dict[str, datetime | None] = dict.fromkeys(ids)
    last_night = dict.fromkeys(ids, -1)
    for night in range(3 * MAX_NIGHTS):
        for name in certify_all(known, share, after(night, jitter.uniform(-120, 120))):
            last_night[name] = night
        assert all(night - seen <= MAX_NIGHTS for seen in last_night.values())


def test_a_tenth_a_night_reaches_all_in_ten_nights() -> None:
    known: dict[str, datetime | None] = dict.fromkeys(f"o__n-{n}" for n in range(2438))
    seen = [certify_all(known, 0.1, after(night)) for night in range(10)]
    assert {len(it) for it in seen} == {244}
    assert len({name for it in seen for name in it}) == 2438
    assert {*certify_all(known, 0.1, after(10))} <= {*seen[0], *seen[1]}  # the oldest again


@given(ids=IDS, extra=IDS, share=SHARES, data=st.data())
def test_other_instances_do_not_change_the_order(
    ids: list[str], extra: list[str], share: float, data: st.DataObject
) -> None:
    times = st.none() | st.integers(1, 28).map(lambda days: NIGHT - timedelta(days=days))
    known = {name: data.draw(times) for name in {*ids, *extra}}
    everything = [*choose_sample(known, 1, NIGHT)]
    fewer = [*choose_sample({name: known[name] for name in ids}, 1, NIGHT)]
    assert fewer == [name for name in everything if name in set(ids)]
    assert [*choose_sample(dict(reversed(known.items())), 1, NIGHT)] == everything
    part = [*choose_sample(known, share, NIGHT)]
    assert part == everything[: len(part)]


@given(ids=IDS, share=SHARES, done=st.integers(0, 60))
def test_a_killed_night_goes_on_with_what_is_left(ids: list[str], share: float, done: int) -> None:
    known: dict[str, datetime | None] = dict.fromkeys(ids)
    chosen = [*choose_sample(known, share, NIGHT)]
    known |= dict.fromkeys(chosen[:done], NIGHT)
    assert [*choose_sample(known, share, after(0, 90))] == chosen[done:]


def test_suspects_come_first_beside_the_share_and_once_a_night() -> None:
    known: dict[str, datetime | None] = {f"n-{n}": after(-5, n) for n in range(100)}
    chosen = [*choose_sample(known, 0.1, NIGHT, {"n-99", "n-98", "gone-1"})]
    assert chosen[:2] == ["n-98", "n-99"]
    assert chosen[2:] == [f"n-{n}" for n in range(10)]
    known |= {"n-98": NIGHT}
    assert [*choose_sample(known, 0.1, after(0, 5), {"n-98"})] == chosen[2:]


def test_never_certified_ones_come_before_the_oldest() -> None:
    known: dict[str, datetime | None] = {"old": after(-20), "new": None, "older": after(-25)}
    assert [*choose_sample(known, 1, NIGHT)] == ["new", "older", "old"]


def test_a_flood_of_new_instances_does_not_starve_what_is_due() -> None:
    known: dict[str, datetime | None] = {f"old-{n}": after(-29) for n in range(3)}
    known |= dict.fromkeys(f"new-{n}" for n in range(100))
    assert {f"old-{n}" for n in range(3)} <= {*choose_sample(known, 0.05, NIGHT)}


def test_a_time_that_has_yet_to_come_counts_as_never() -> None:
    known: dict[str, datetime | None] = {"leapt": after(400), "old": after(-20)}
    assert [*choose_sample(known, 0.5, NIGHT)] == ["leapt"]


def test_a_share_that_is_too_small_is_raised_and_told(caplog: pytest.LogCaptureFixture) -> None:
    known: dict[str, datetime | None] = dict.fromkeys(f"n-{n}" for n in range(90))
    assert len(choose_sample(known, 0.01, NIGHT)) == 3
    assert "1.0% of 90 instances a night would take more than 30 nights: 3" in caplog.text


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan"), float("inf")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ConfigurationError, match="Invalid share"):
        choose_sample({"a": None}, share, NIGHT)


def test_nothing_of_nothing() -> None:
    assert [*choose_sample({}, 0.1, NIGHT)] == []
